/** All that goes over the network. */

const TRY_AGAIN_MS = [1000, 2000, 4000];
const GIVE_UP_MS = 60000; // without a single byte
/** Relative to the page, because a proxy may serve this site below a path of its own. */
const TIME_TO_SOUND = "api/time-to-sound";
const LONGEST_MS = 60000; // that is taken there
const JSON_HEADERS = { "Content-Type": "application/json" };

/** Staff look at their drafts: nothing is made, and nothing is sent of what somebody writes. */
const IS_PREVIEW = document.querySelector("[data-preview]") !== null;

/** The journey in the voice that this page came with. */
export const playlistOfPage = () => JSON.parse(document.getElementById("playlist").textContent);

export function fetchPlaylist(voice, journey) {
  const address = `api/narratives?voice=${encodeURIComponent(voice)}&journey=${encodeURIComponent(journey)}`;
  return fetchInTime(address, {}, (response) => response.json());
}

/** Has a voice made ready. Nobody waits for it: what is not ready is made when it is asked for. */
export function prepareVoice(voice, journey) {
  if (IS_PREVIEW) return;
  const body = JSON.stringify({ voice, journey });
  fetch("api/pre-cache-narratives", { method: "POST", headers: JSON_HEADERS, body }).catch(() => {});
}

/** The one thing that is sent of what somebody says: an answer, once, for a reply to it. Nothing tries again. */
export function askForReply(question, signal) {
  if (IS_PREVIEW) return Promise.reject(new Error("a preview sends no answer"));
  const request = { method: "POST", headers: JSON_HEADERS, body: JSON.stringify(question), cache: "no-store" };
  return fetchInTime("api/reflections", request, (response) => response.json(), signal);
}

/**
 * How long somebody waited for sound, for staff to know that nobody waits: a voice, a kind of text and a time,
 * and nothing of who listens, or to what. Nobody waits for this either, and what gets lost is lost.
 */
export function tellTimeToSound({ voice, kind }, milliseconds) {
  if (IS_PREVIEW) return;
  const whole = Math.min(Math.round(milliseconds), LONGEST_MS);
  const report = JSON.stringify({ voice, content_type: kind, milliseconds: whole });
  const body = new Blob([report], { type: "application/json" });
  try {
    if (navigator.sendBeacon && navigator.sendBeacon(TIME_TO_SOUND, body)) return;
    fetch(TIME_TO_SOUND, { method: "POST", body, keepalive: true, credentials: "omit" }).catch(() => {});
  } catch (error) {
    // A browser that forbids it has its reasons.
  }
}

/** Reads a clip into a sink (see clips.js). Tries again while that can help, from where it was cut off. */
export async function readClip(clip, sink, waits = TRY_AGAIN_MS) {
  for (const wait of waits) {
    try {
      return await readOnce(clip, sink);
    } catch (error) {
      if (error.isFinal) throw error;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
  return readOnce(clip, sink);
}

async function readOnce(clip, sink) {
  const audio = await clip.find();
  if (!audio.url) throw refused(404); // a draft's clip that is not made
  if (audio.url.startsWith("data:")) return sink.add(bytesIn(audio.url));
  const { origin, pathname } = new URL(audio.url, location.href);
  if (origin === location.origin) return readFrom(audio.url, clip, sink);
  try {
    return await readFrom(audio.url, clip, sink);
  } catch (error) {
    const format = pathname.split(".").pop();
    const here = new URL(`api/audio/${audio.content_hash}.${format}`, document.baseURI).pathname;
    return readFrom(here, clip, sink); // the CDN fails; this site has it
  }
}

function readFrom(address, clip, sink) {
  const rest = sink.bytes && sink.etag && address.startsWith("/");
  const headers = rest ? { Range: `bytes=${sink.bytes}-`, "If-Range": sink.etag } : {};
  const request = { headers, cache: clip.isFleeting ? "no-store" : "default" };
  return fetchInTime(address, request, async (response, beat) => {
    if (response.status !== 206 && sink.bytes) sink.restart();
    sink.etag = response.headers.get("ETag") || "";
    const reader = response.body.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      beat();
      sink.add(part.value);
    }
  });
}

/** A page's policy forbids fetch() of a data: address, so it is taken apart by hand. */
function bytesIn(address) {
  const binary = atob(address.slice(address.indexOf(",") + 1));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

async function fetchInTime(address, request, read, signal) {
  const controller = new AbortController();
  const abort = () => controller.abort();
  let timer = 0;
  const beat = () => {
    clearTimeout(timer);
    timer = setTimeout(abort, GIVE_UP_MS);
  };
  if (signal) signal.addEventListener("abort", abort);
  beat();
  try {
    const response = await fetch(address, { credentials: "same-origin", ...request, signal: controller.signal });
    if (!response.ok) throw refused(response.status);
    return await read(response, beat);
  } finally {
    clearTimeout(timer);
  }
}

/** Of the refusals, only "too many", "not this part" and the server's own troubles may pass. */
function refused(status) {
  const error = new Error(`HTTP ${status}`);
  error.isFinal = status < 500 && status !== 429 && status !== 416;
  return error;
}
