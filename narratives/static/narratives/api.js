/** All that goes over the network. */

const TRY_AGAIN_MS = [1000, 2000, 4000];
const GIVE_UP_MS = 60000;
const TIME_TO_SOUND = "/api/time-to-sound";
const LONGEST_MS = 60000; // that is taken there

/** The journey in the voice that this page came with. */
export const playlistOfPage = () => JSON.parse(document.getElementById("playlist").textContent);

export const fetchPlaylist = (voice) =>
  fetchInTime(`/api/narratives?voice=${encodeURIComponent(voice)}`, (response) => response.json());

/** Has a voice made ready. Nobody waits for it: what is not ready is made when it is asked for. */
export function prepareVoice(voice) {
  const request = {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ voice }),
  };
  fetch("/api/pre-cache-narratives", request).catch(() => {});
}

/**
 * How long somebody waited for sound, for staff to know that nobody waits: a voice, a kind of text and a time,
 * and nothing of who listens, or to what. Nobody waits for this either, and what gets lost is lost.
 */
export function tellTimeToSound({ voice, kind }, milliseconds) {
  const whole = Math.min(Math.round(milliseconds), LONGEST_MS);
  const report = JSON.stringify({ voice, content_type: kind, milliseconds: whole });
  const body = new Blob([report], { type: "application/json" });
  try {
    if (navigator.sendBeacon && navigator.sendBeacon(TIME_TO_SOUND, body)) return;
    fetch(TIME_TO_SOUND, { method: "POST", body, keepalive: true, credentials: "omit" }).catch(() => {});
  } catch {
    // A browser that forbids it has its reasons.
  }
}

/** The sound at the address that `find` promises, as a Blob. Tries again while that can help. */
export async function fetchClip(find) {
  for (const wait of TRY_AGAIN_MS) {
    try {
      return await fetchOnce(find);
    } catch (error) {
      if (error.isFinal) throw error;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
  return fetchOnce(find);
}

async function fetchOnce(find) {
  const audio = await find();
  try {
    return await fetchBlob(audio.url);
  } catch (error) {
    const address = new URL(audio.url, location.href);
    if (address.origin === location.origin) throw error;
    const format = address.pathname.split(".").pop();
    return fetchBlob(`/api/audio/${audio.content_hash}.${format}`); // the CDN fails; this site has it as well
  }
}

const fetchBlob = (address) => fetchInTime(address, (response) => response.blob());

async function fetchInTime(address, read) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), GIVE_UP_MS);
  try {
    const response = await fetch(address, { signal: controller.signal, credentials: "same-origin" });
    if (!response.ok) throw refused(response.status);
    return await read(response);
  } finally {
    clearTimeout(timer);
  }
}

/** Of the refusals, only "too many" and the server's own troubles may pass. */
function refused(status) {
  const error = new Error(`HTTP ${status}`);
  error.isFinal = status < 500 && status !== 429;
  return error;
}
