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
    const preferred = choices.find((choice) => choice.value === preferences.get("voice"));
    if (preferred) preferred.checked = true;
    for (const choice of choices) {
      choice.addEventListener("change", () => {
        preferences.set("voice", choice.value);
        prepare(choice.value);
      });
    }
  }

  /** Have everything in this voice made, ahead of the listener. */
  function prepare(voice) {
    if (prepared.has(voice)) return;
    prepared.add(voice);
    prepareVoice(voice);
    playlistOf(voice).catch(() => {}); // it is fetched again when a clip is wanted
  }

  function playlistOf(voice) {
    if (!playlists.has(voice)) {
      const playlist = fetchPlaylist(voice);
      playlists.set(voice, playlist);
      playlist.catch(() => playlists.delete(voice));
    }
    return playlists.get(voice);
  }

  function clip(voice, id) {
    const own = inPlaylist(ours, id);
    const found = {
      key: `${voice} ${id}`,
      voice, // that was asked for
      kind: own.kind === "question" ? "question" : "narrative", // of text, as staff count them
      audio: voice === ours.voice ? own.audio : null,
      async find() {
        const same = inPlaylist(await playlistOf(voice), id);
        // If other words were published since this page was opened, the sound stays with the words on it.
        found.audio = (same && same.text === own.text ? same : own).audio;
        return found.audio;
      },
    };
    return found;
  }

  return { startChoice, chosen, prepare, clip };
}

const inPlaylist = (playlist, id) => playlist.narratives.find((narrative) => String(narrative.id) === id);
