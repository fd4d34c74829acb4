import { all, one, write } from "./elements.js";
import { makeKeepsake } from "./keepsake.js";
import { collectStory, save, startPrinting, storyAsText } from "./story.js";

/** "Print or save my story": three ways to take it along, none of which sends anything anywhere. */
export function createKeeping({ answers, replies, voices, playlist, isSilent, isHidden }) {
  const status = one("keep-status");
  const collect = () => collectStory(answers, replies);
  const paper = startPrinting(() => (isHidden() ? [] : collect()));
  let isAtWork = false;

  function saveText() {
    save("my-life-story.txt", storyAsText(collect()), "text/plain;charset=utf-8");
    write(status, "Your story was saved as text.");
  }

  async function saveKeepsake() {
    if (isAtWork) return;
    isAtWork = true;
    const told = (done, total) => write(status, `Putting it together: ${done + 1} of ${total}. Please keep this page open.`);
    try {
      const { page, lost } = await makeKeepsake(collect(), playlist.language, playlist.dir, clipsOf, told);
      save("my-life-story.html", page, "text/html;charset=utf-8");
      write(status, lost ? "Your story was saved. Some of its sounds could not be had just now; their words are there." : "Your story was saved.");
    } finally {
      isAtWork = false;
    }
  }

  /** Who reads without sound gets a page without sound: the audio API is never asked. */
  function clipsOf(part) {
    if (isSilent()) return {};
    return {
      question: voices.clip(voices.chosen(), part.id),
      reply: part.reply ? voices.clipOfReply(part.id, part.reply) : null,
    };
  }

  function clear() {
    paper.clear();
    write(status, "");
  }

  return { print: () => window.print(), saveText, saveKeepsake, clear };
}

/** While the sound is off, what belongs to it is out of the way, and the other way round. */
export function showSoundAreas(isOn) {
  for (const area of all("with-sound")) area.hidden = !isOn;
  for (const area of all("without-sound")) area.hidden = isOn;
}
