import { fetchPlaylist, prepareVoice } from "./api.js";
import { all } from "./elements.js";
import { preferences } from "./preferences.js";

/** Which voice speaks, and where its clips are. The page came with the playlist of one voice. */
export function createVoices(ours) {
  const playlists = new Map([[ours.voice, Promise.resolve(ours)]]);
  const prepared = new Set();
  const choices = all("voice");

  const chosen = () => choices.find((choice) => choice.checked).value;

  function startChoice() {
    check(preferences.get("voice"));
    for (const choice of choices) choice.addEventListener("change", () => choose(choice.value));
  }

  const check = (voice) => choices.filter(({ value }) => value === voice).forEach((choice) => { choice.checked = true; });

  function choose(voice) {
    check(voice);
    preferences.set("voice", voice);
    prepare(voice);
  }

  /** Have everything in this voice made, ahead of the listener. */
  function prepare(voice) {
    if (prepared.has(voice)) return;
    prepared.add(voice);
    prepareVoice(voice, ours.journey);
    playlistOf(voice).catch(() => {}); // it is fetched again when a clip is wanted
  }

  function playlistOf(voice) {
    if (!playlists.has(voice)) {
      const playlist = fetchPlaylist(voice, ours.journey);
      playlists.set(voice, playlist);
      playlist.catch(() => playlists.delete(voice));
    }
    return playlists.get(voice);
  }

  /** The clip of a narrative ("12") or of a system text ("system-break"); null where there is none. */
  function clip(voice, name) {
    const own = inPlaylist(ours, name);
    if (!own || (voice === ours.voice && !own.audio.url)) return null;
    const found = {
      key: `${voice} ${name}`,
      voice, // that was asked for
      kind: own.kind === "question" ? "question" : "narrative", // of text, as staff count them
      audio: voice === ours.voice ? own.audio : null,
      async find() {
        const same = inPlaylist(await playlistOf(voice), name);
        // If other words were published since this page was opened, the sound stays with the words on it.
        found.audio = (same && same.text === own.text ? same : own).audio;
        return found.audio;
      },
    };
    return found;
  }

  /** The clip of a reply. It is heard by one person and is not to stay in the browser's own cache. */
  function clipOfReply(id, { audio }) {
    if (!audio) return null;
    const name = audio.content_hash || `personal ${id} ${audio.url.length}`;
    return { key: `reply ${id} ${name}`, voice: chosen(), kind: "analysis", audio, isFleeting: true, find: async () => audio };
  }

  return { startChoice, chosen, choose, check, prepare, clip, clipOfReply, first: ours.voice };
}

function inPlaylist(playlist, name) {
  if (name.startsWith("system-")) return playlist.system[name.slice("system-".length)];
  return playlist.narratives.find(({ id }) => String(id) === name);
}
