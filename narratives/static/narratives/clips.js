import { readClip } from "./api.js";
import { canStream, streamAddress } from "./stream.js";

/**
 * Clips, each fetched once. A clip is { key, voice, kind, find, audio }: `find` promises what the API says about
 * its sound, and leaves it in `audio` as soon as it is known. Those no longer needed are given back, because a
 * tablet has little memory.
 */
const SOON_MS = 250; // what is whole by then is played whole; what takes longer plays while it comes

export function createShelf() {
  const downloads = new Map();

  function downloadOf(clip) {
    if (!downloads.has(clip.key)) {
      const download = startDownload(clip);
      downloads.set(clip.key, download);
      download.whole.catch(() => forget(clip.key, download)); // so that it can be tried again
    }
    return downloads.get(clip.key);
  }

  /** An address that can be played: of the whole clip, or of one that is still coming. */
  async function take(clip) {
    const download = downloadOf(clip);
    const type = (clip.audio && clip.audio.content_type) || "audio/mpeg";
    if (canStream(type)) await Promise.race([download.whole, download.begun]);
    else await download.whole;
    if (!download.isWhole) return download.lend(streamAddress(download, type, clip.audio && clip.audio.duration_ms));
    if (!download.address) download.address = download.lend(URL.createObjectURL(await download.whole));
    return download.address;
  }

  function keepOnly(clips) {
    const kept = clips.map((clip) => clip.key);
    for (const [key, download] of downloads) {
      if (!kept.includes(key)) forget(key, download);
    }
  }

  function forget(key, download) {
    download.giveBack();
    if (downloads.get(key) === download) downloads.delete(key);
  }

  return { take, fetch: downloadOf, keepOnly };
}

/** Reads a clip from the network; whoever plays it meanwhile is told of each part through `onChange`. */
export function startDownload(clip, waits) {
  const listeners = [];
  const addresses = [];
  const change = () => listeners.forEach((listener) => listener());
  const started = performance.now();
  let begin;

  const download = {
    parts: [],
    bytes: 0,
    etag: "",
    address: "", // of the whole clip
    isWhole: false,
    hasFailed: false,
    begun: new Promise((resolve) => { begin = resolve; }),
    add(part) {
      download.parts.push(part);
      download.bytes += part.length;
      setTimeout(begin, Math.max(0, SOON_MS - (performance.now() - started)));
      change();
    },
    /** The next part is the first one of other bytes: who plays the old ones cannot go on with these. */
    restart() {
      download.parts = [];
      download.bytes = 0;
      change();
    },
    onChange: (listener) => listeners.push(listener),
    lend(address) {
      addresses.push(address);
      return address;
    },
    giveBack: () => addresses.splice(0).forEach((address) => URL.revokeObjectURL(address)),
  };
  download.whole = readClip(clip, download, waits).then(
    () => {
      download.isWhole = true;
      change();
      return new Blob(download.parts, { type: (clip.audio && clip.audio.content_type) || "audio/mpeg" });
    },
    (error) => {
      download.hasFailed = true;
      change();
      throw error;
    },
  );
  return download;
}
