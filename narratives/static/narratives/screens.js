import { all, one, write } from "./elements.js";
import { isAside, narrativeOf, questionOf, screenOf } from "./places.js";

/** One thing at a time: shows the screen of a place, and puts the player where that screen has room for it. */
export function createScreens() {
  const screens = all("screen");
  const stage = one("stage");
  const skipLink = one("skip-link");
  let shown = screens[0];

  for (const screen of screens) {
    all("heading", screen).filter((heading) => heading.tagName === "H2").forEach(promote);
  }
  for (const sound of all("plain-sound")) sound.remove();
  for (const element of all("needs-script")) element.hidden = false;
  skipLink.addEventListener("click", skip);
  watchHeight();

  function show(place) {
    shown = screenOf(place);
    for (const each of screens) each.hidden = each !== shown;
    const slot = one("slot", shown);
    if (slot) slot.append(stage);
    stage.hidden = !slot;
    const narrative = isAside(place) ? null : narrativeOf(place);
    const name = narrative ? one("place", narrative).textContent : "";
    write(one("header-place"), name);
    document.body.classList.toggle("placed", name !== "");
    document.title = name ? `${name} · Life Review` : "Life Review";
    skipLink.textContent = questionOf(place) && box() ? "Skip to your answer" : "Skip to the words";
    measure();
  }

  /** A new screen is read from its heading on. */
  function focus() {
    window.scrollTo(0, 0);
    one("heading", shown).focus({ preventScroll: true });
  }

  const box = () => all("answer", shown).find((each) => each.offsetParent !== null);

  /** The address stays as it is: with #main in it, the browser's Back button would have one more step. */
  function skip(event) {
    event.preventDefault();
    const target = box() || one("heading", shown);
    target.focus();
    target.scrollIntoView({ block: "center" });
  }

  /** What sticks to the end of the window leaves room for the button below it, however large its letters are. */
  function watchHeight() {
    if (!window.ResizeObserver) return;
    const observer = new ResizeObserver(measure);
    for (const next of document.querySelectorAll(".next")) observer.observe(next);
  }

  function measure() {
    const next = shown.querySelector(".next");
    const height = next ? next.offsetHeight : 0;
    document.documentElement.style.setProperty("--next-space", `${height}px`);
  }

  return { show, focus, screen: () => shown };
}

/** On the plain page the narratives are parts of one page; here each is a page of its own. */
function promote(heading) {
  const h1 = document.createElement("h1");
  for (const { name, value } of heading.attributes) h1.setAttribute(name, value);
  h1.append(...heading.childNodes);
  heading.replaceWith(h1);
}
