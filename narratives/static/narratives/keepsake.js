import { startDownload } from "./clips.js";
import { storyAsElements } from "./story.js";

/**
 * The keepsake: one HTML file that holds the story and the voice's clips, and needs no network. It is made on
 * this device; the clips are those that anyone can hear, or that came with a reply.
 */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; media-src data:; script-src 'unsafe-inline'";
const STYLE = `
  body { margin: 0 auto; padding: 24px; max-width: 40rem; background: #fffbf4; color: #1b1b1f; font: 1.25rem/1.6 system-ui, sans-serif; }
  section { margin-top: 2.5rem; border-top: 2px solid #6b6b73; }
  .answer { padding: 12px 16px; border-left: 6px solid #12494f; white-space: pre-wrap; }
  .quiet { color: #45454d; }
  audio { width: 100%; }
  button { min-height: 72px; width: 100%; border: 0; border-radius: 14px; background: #12494f; color: #fff; font: inherit; font-weight: 600; }
  :focus { outline: 4px solid #1a3fb0; outline-offset: 3px; }
  @media print { audio, button { display: none; } }
`;
// Reads all of it aloud, one sound after the other; pressing it again stops.
const SCRIPT = `
  const sounds = [...document.querySelectorAll("audio")];
  const button = document.querySelector("button");
  const name = (isOn) => { button.textContent = isOn ? "Stop reading aloud" : "Read it all aloud"; };
  const playing = () => sounds.find((sound) => !sound.paused);
  button.onclick = () => {
    const sound = playing();
    if (sound) sound.pause();
    else if (sounds.length) sounds[0].play();
    name(!sound);
  };
  sounds.forEach((sound, place) => {
    sound.onended = () => { if (sounds[place + 1]) sounds[place + 1].play(); else name(false); };
  });
`;

/** `clipsOf(part)` gives what can be heard of a part of the story: { question, reply }, each a clip or null. */
export async function makeKeepsake(story, language, direction, clipsOf, onProgress) {
  const sounds = new Map();
  let lost = 0;
  for (const [place, part] of story.entries()) {
    onProgress(place, story.length);
    for (const [role, clip] of Object.entries(clipsOf(part))) {
      if (!clip) continue;
      try {
        sounds.set(`${part.id} ${role}`, await dataAddress(await startDownload(clip, []).whole));
      } catch (error) {
        lost += 1; // its words are there
      }
    }
  }
  return { page: pageOf(story, language, direction, sounds), lost };
}

/** Put together as text, because a page's own policy would forbid the style and the script of another one. */
function pageOf(story, language, direction, sounds) {
  const body = document.implementation.createHTMLDocument("").body;
  const make = (tag, values) => Object.assign(body.ownerDocument.createElement(tag), values);
  body.append(
    ...storyAsElements(story, body.ownerDocument, (part, role) => {
      const src = sounds.get(`${part.id} ${role}`);
      if (!src) return [];
      const sound = make("audio", { controls: true, preload: "metadata", src });
      sound.setAttribute("aria-label", role === "reply" ? `Reply to ${part.title}` : part.title);
      return [sound];
    }),
    make("p", { textContent: "The voice is made by a computer.", className: "quiet" }),
  );
  if (sounds.size) body.querySelector("h1").after(make("button", { type: "button", textContent: "Read it all aloud" }));
  const head =
    `<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">` +
    `<meta http-equiv="Content-Security-Policy" content="${POLICY}"><title>My life story</title><style>${STYLE}</style>`;
  const script = sounds.size ? `<script>${SCRIPT}</script>` : "";
  return `<!doctype html>\n<html lang="${language}" dir="${direction}"><head>${head}</head><body>${body.innerHTML}${script}</body></html>\n`;
}

const dataAddress = (blob) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
