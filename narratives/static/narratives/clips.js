import { fetchClip } from "./api.js";

/**
 * Clips as Blobs, each fetched once. A clip is { key, voice, kind, find, audio }: `find` promises what the API
 * says about its sound, and leaves it in `audio` as soon as it is known. Those no longer needed are given back,
 * because a tablet has little memory.
 */
export function createShelf() {
  const addresses = new Map();

  function take(clip) {
    if (!addresses.has(clip.key)) {
      const address = fetchClip(clip.find).then((blob) => URL.createObjectURL(blob));
      addresses.set(clip.key, address);
      address.catch(() => forget(clip.key, address)); // so that it can be tried again
    }
    return addresses.get(clip.key);
  }

  function keepOnly(clips) {
    const kept = clips.map((clip) => clip.key);
    for (const [key, address] of addresses) {
      if (!kept.includes(key)) {
        forget(key, address);
        address.then(URL.revokeObjectURL, () => {});
      }
    }
  }

  function forget(key, address) {
    if (addresses.get(key) === address) addresses.delete(key);
  }

  return { take, keepOnly };
}
