import { one, write } from "./elements.js";

/** The screen on which a reply is read and heard. */
const ON_ITS_WAY = "One moment. A few words are on their way. You can also carry on.";
const WITHOUT_REPLY = "Thank you for your answer. Let us move on to the next part whenever you are ready.";

export function createReplyScreen() {
  const words = one("reply-words");
  const status = one("reply-status");
  const help = one("reply-help");

  function wait() {
    words.textContent = "";
    help.hidden = true;
    write(status, ON_ITS_WAY);
  }

  /** `isToBeRead` has a screen reader say that the words have come; else the voice is what one hears. */
  function show({ text, audio, level }, isToBeRead) {
    write(status, isToBeRead ? "The words have come." : "");
    words.textContent = "";
    words.append(paragraphOf(text, (audio && audio.cues) || []));
    help.hidden = !help.dataset.levels.split(" ").includes(level);
  }

  function clear() {
    words.textContent = "";
    write(status, "");
    help.hidden = true;
  }

  return { wait, show, clear, withoutReply: WITHOUT_REPLY };
}

/** A paragraph with its sentences apart, each marked with the part of the sound after which it is over. */
function paragraphOf(text, cues) {
  const paragraph = document.createElement("p");
  let read = 0;
  for (const part of sentencesOf(text, cues)) {
    const sentence = document.createElement("span");
    read += part.length;
    sentence.className = "sentence";
    sentence.dataset.sentence = "";
    sentence.dataset.end = String(Math.round((1000 * read) / text.length));
    sentence.textContent = part;
    paragraph.append(sentence, " ");
  }
  return paragraph;
}

/** A clip that is made only now has no cues yet. They count Unicode characters, not JavaScript's halves of them. */
function sentencesOf(text, cues) {
  const characters = Array.from(text);
  if (cues.length) return cues.map(({ start, end }) => characters.slice(start, end).join(""));
  if (!window.Intl || !Intl.Segmenter) return [text]; // older browsers show it as one
  const splitter = new Intl.Segmenter(document.documentElement.lang || undefined, { granularity: "sentence" });
  return Array.from(splitter.segment(text), ({ segment }) => segment.trim()).filter(Boolean);
}
