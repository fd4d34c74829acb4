import { all, one } from "./elements.js";

/**
 * Marks the sentence that is heard and keeps it in sight, until the listener moves the page: from then on the page
 * is theirs. A ready clip brings its cues, in milliseconds; else each sentence knows which part of the sound it
 * is, in thousandths.
 */
const OWN_SCROLL_MS = 1200; // as long as a smooth movement of ours may take
const MOVING_KEYS = ["PageUp", "PageDown", "ArrowUp", "ArrowDown", "Home", "End"];

export function createWords() {
  let sentences = [];
  let current = null;
  let isFollowing = true;
  let ownUntil = 0;

  const leave = () => { isFollowing = false; };
  window.addEventListener("wheel", leave, { passive: true });
  window.addEventListener("touchmove", leave, { passive: true });
  window.addEventListener("scroll", () => performance.now() > ownUntil && leave(), { passive: true });
  document.addEventListener("keydown", ({ key, target }) => {
    if (MOVING_KEYS.includes(key) && !target.closest("[data-player], input, select, textarea")) leave();
  });

  function show(screen) {
    mark(null);
    sentences = all("sentence", screen);
    ownUntil = performance.now() + OWN_SCROLL_MS; // a new screen begins at its top
  }

  function follow({ clip, seconds, duration }) {
    const cues = (clip.audio && clip.audio.cues) || [];
    mark(sentences[cues.length === sentences.length ? heardAt(cues, seconds * 1000) : heardIn(seconds / duration)]);
  }

  const heardAt = (cues, now) => before(cues.findIndex(({ end_ms: end }) => now < end));
  const heardIn = (part) => before(sentences.findIndex(({ dataset }) => part * 1000 < Number(dataset.end)));
  const before = (index) => (index < 0 ? sentences.length - 1 : index);

  function mark(sentence) {
    if (sentence === current) return;
    if (current) current.classList.remove("current");
    current = sentence || null;
    if (!current) return;
    current.classList.add("current");
    bringIntoView(current);
  }

  /** Moves the page only if part of the element is out of sight, be it behind the buttons. */
  function bringIntoView(element) {
    if (!isFollowing) return;
    const place = element.getBoundingClientRect();
    const { top, bottom } = freeRoom();
    if (place.top >= top && place.bottom <= bottom) return;
    ownUntil = performance.now() + OWN_SCROLL_MS;
    const isCalm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    element.scrollIntoView({ block: "center", behavior: isCalm ? "auto" : "smooth" });
  }

  return { show, follow, bringIntoView, clear: () => mark(null), restart: () => { isFollowing = true; } };
}

/** What no button lies over, from the top of the window down. */
function freeRoom() {
  const room = { top: 0, bottom: window.innerHeight };
  const bars = [one("play-row"), ...document.querySelectorAll(".next")];
  for (const { top, bottom, height } of bars.map((bar) => bar.getBoundingClientRect())) {
    if (height === 0) continue;
    if (top > window.innerHeight / 2) room.bottom = Math.min(room.bottom, top);
    else if (top <= 0 && bottom > 0) room.top = Math.max(room.top, bottom);
  }
  return room;
}
