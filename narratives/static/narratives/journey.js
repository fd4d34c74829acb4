import { playlistOfPage, tellTimeToSound } from "./api.js";
import { createControls } from "./controls.js";
import { all, one } from "./elements.js";
import { createPlayer } from "./player.js";
import { preferences, visit } from "./preferences.js";
import { createSamples } from "./samples.js";
import { startTextSize } from "./textsize.js";
import { createVoices } from "./voices.js";
import { bringIntoView, createWords } from "./words.js";

/** One thing at a time: a start, the narratives in their order, a finish. */
const screens = all("screen");
const [start, finish] = [screens[0], screens[screens.length - 1]];
const words = createWords(one("player"));
const voices = createVoices(playlistOfPage());
const player = createPlayer(one("audio"), {
  onChange: render,
  onPlaying: fetchNext,
  onStarted: tellTimeToSound,
  onQuiet: invite,
});
const controls = createControls(player);
const samples = createSamples(player, voices);

const TREMOR_MS = 400; // a hand that trembles presses twice, and means one step

let screen = start;
let movedAt = -TREMOR_MS;
let isSilent = visit.get("silent") === "yes";

const isNarrative = (some) => "narrative" in some.dataset;
const after = (some, step) => screens[screens.indexOf(some) + step];
const clipOf = (some) => voices.clip(voices.chosen(), some.dataset.narrative);

// --- screens -----------------------------------------------------------------------------------------------
function show(next) {
  screen = next;
  visit.set("place", screen.dataset.screen);
  for (const each of screens) each.hidden = each !== screen;
  for (const part of all("stage")) part.hidden = !isNarrative(screen);
  one("player").hidden = !isNarrative(screen) || isSilent;
  one("sound-on").hidden = !isNarrative(screen) || !isSilent;
  const place = one("place", screen);
  one("header-place").textContent = place ? place.textContent : "";
  document.title = place ? `${place.textContent} · Life Review` : "Life Review";
  words.show(screen);
  player.show(isNarrative(screen) && !isSilent ? clipOf(screen) : null);
}

/** Move to a screen because somebody asked for it; the browser's own Back button leads here again. */
function go(next) {
  if (performance.now() - movedAt < TREMOR_MS) return;
  movedAt = performance.now();
  arrive(next);
  history.pushState({ place: next.dataset.screen }, "");
}

function arrive(next) {
  show(next);
  window.scrollTo(0, 0);
  one("heading", screen).focus({ preventScroll: true });
  if (player.isUnlocked() && !one("waits").checked) player.play();
}

// --- sound -------------------------------------------------------------------------------------------------
function render(sound) {
  if (screen === start) samples.render(sound);
  else controls.render(sound);
  const isHeard = sound.state === "playing" || sound.state === "paused";
  if (isNarrative(screen) && isHeard && sound.duration) words.follow(sound.seconds / sound.duration);
  else words.clear();
}

function fetchNext() {
  const next = after(screen, 1);
  const mayFetch = isNarrative(screen) && isNarrative(next) && !(navigator.connection && navigator.connection.saveData);
  player.keepReady(mayFetch ? clipOf(next) : null);
}

/** When the voice has ended, what comes next is in sight; nothing moves on by itself. */
function invite() {
  if (isNarrative(screen)) bringIntoView(one("continue"));
}

function setSilent(wish) {
  isSilent = wish;
  visit.set("silent", wish ? "yes" : "no");
}

function begin() {
  setSilent(false);
  player.unlock();
  voices.prepare(voices.chosen());
}

// --- what people press -------------------------------------------------------------------------------------
function onPress(name, deed) {
  one(name).addEventListener("click", deed);
}

onPress("begin", () => {
  begin();
  go(after(start, 1));
});
onPress("read", () => {
  setSilent(true);
  go(after(start, 1));
});
onPress("sound-on", () => {
  begin();
  show(screen);
  one("play").focus();
  player.play();
});
onPress("continue", () => go(after(screen, 1)));
onPress("back", () => go(after(screen, -1)));
onPress("listen-again", () => go(after(start, 1)));
onPress("to-start", () => go(start));
one("waits").addEventListener("change", (event) => preferences.set("waits", event.target.checked ? "yes" : "no"));
window.addEventListener("popstate", ({ state }) => arrive(screenOf(state && state.place)));

// --- from a plain page to screens --------------------------------------------------------------------------
function screenOf(place) {
  return screens.find((each) => each.dataset.screen === place) || start;
}

/** On the plain page the narratives are parts of one page; here each is a page of its own. */
function promote(heading) {
  const h1 = document.createElement("h1");
  for (const { name, value } of heading.attributes) h1.setAttribute(name, value);
  h1.append(...heading.childNodes);
  heading.replaceWith(h1);
}

startTextSize();
voices.startChoice();
one("waits").checked = preferences.get("waits") === "yes";
for (const screen of screens) all("heading", screen).filter((heading) => heading.tagName === "H2").forEach(promote);
for (const sound of all("plain-sound")) sound.remove();
for (const element of all("needs-script")) element.hidden = false;
history.scrollRestoration = "manual";
show(screenOf(visit.get("place")));
history.replaceState({ place: screen.dataset.screen }, "");
one("journey").dataset.ready = "";
