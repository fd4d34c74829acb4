import { all } from "./elements.js";

/**
 * Marks the sentence that is heard. Each knows which part of its clip it is, in thousandths.
 * `bar` stands below the words, or over their end where they are long.
 */
export function createWords(bar) {
  let sentences = [];
  let current = null;

  function show(screen) {
    mark(null);
    sentences = all("sentence", screen);
  }

  function follow(part) {
    const thousandths = part * 1000;
    mark(sentences.find(({ dataset }) => thousandths < Number(dataset.end)) || sentences[sentences.length - 1]);
  }

  function mark(sentence) {
    if (sentence === current) return;
    if (current) current.classList.remove("current");
    current = sentence || null;
    if (!current) return;
    current.classList.add("current");
    bringIntoView(current, Math.min(window.innerHeight, bar.getBoundingClientRect().top));
  }

  return { show, follow, clear: () => mark(null) };
}

/** Moves the page only if part of the element is out of sight, be it behind the buttons at the bottom. */
export function bringIntoView(element, bottom = window.innerHeight) {
  const place = element.getBoundingClientRect();
  if (place.top >= 0 && place.bottom <= bottom) return;
  const isCalm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  element.scrollIntoView({ block: "center", behavior: isCalm ? "auto" : "smooth" });
}
