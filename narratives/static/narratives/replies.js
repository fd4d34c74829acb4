import { askForReply } from "./api.js";
import { visit } from "./preferences.js";

/**
 * The reflection on each answer, asked for once and then kept in this tab as long as the answer stays as it is.
 * A personal one brings its sound along and can be had nowhere else; that sound is kept apart from the words,
 * because a tab has room for a few megabytes only.
 */
const NAME = "replies";
const HEARD = "heard"; // content hashes of clips that anyone may hear
const MOST_HEARD = 50;

export function createReplies() {
  let kept = visit.getAll(NAME);
  let running = new AbortController();
  const asking = new Map(); // somebody who leaves the screen and comes back asks once

  /** The reply to exactly this answer; undefined where there is none yet. */
  function of(id, answer) {
    const reply = kept[id];
    return reply && reply.to === answer ? withSound(id, reply) : undefined;
  }

  /** Rejects where no reply can be had. */
  function ask(id, answer, voice) {
    const name = `${id} ${answer}`;
    if (!asking.has(name)) {
      const reply = askOnce(id, answer, voice);
      asking.set(name, reply);
      reply.catch(() => {}).then(() => asking.delete(name));
    }
    return asking.get(name);
  }

  /** A reply that comes after a clearing belongs to nobody. */
  async function askOnce(id, answer, voice) {
    const session = visit.get("visitor"); // a random number, so that one busy room is not taken for one caller
    const question = { narrative: Number(id), answer, voice, heard: heard(), session };
    const { signal } = running;
    const { text, source, level, audio } = await askForReply(question, signal);
    if (signal.aborted) throw new Error("cleared");
    return { to: answer, text, source, level, audio: audio && audio.url ? audio : null };
  }

  /** From now on it is the reply to this answer. */
  function keep(id, reply) {
    const { audio } = reply;
    const isPersonal = Boolean(audio && audio.url.startsWith("data:"));
    kept[id] = isPersonal ? { ...reply, audio: { ...audio, url: "" } } : reply;
    noteHeard(audio && audio.content_hash);
    visit.setAll(NAME, kept);
    visit.clear(`sound.${id}.`);
    if (isPersonal) visit.set(`sound.${id}.`, audio.url); // may not fit: its words are kept all the same
  }

  function withSound(id, reply) {
    if (!reply.audio || reply.audio.url) return reply;
    const url = visit.get(`sound.${id}.`);
    return { ...reply, audio: url ? { ...reply.audio, url } : null };
  }

  const heard = () => visit.get(HEARD).split(" ").filter(Boolean);

  /** Apart from the replies: the reply to an answer that was changed afterwards has been heard all the same. */
  function noteHeard(hash) {
    if (!hash) return;
    const others = heard().filter((each) => each !== hash);
    visit.set(HEARD, [...others, hash].slice(-MOST_HEARD).join(" "));
  }

  function clear() {
    running.abort();
    running = new AbortController();
    asking.clear();
    kept = {};
  }

  return { of, ask, keep, clear };
}
