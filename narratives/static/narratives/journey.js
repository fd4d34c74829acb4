import { createAnswers, onSubmit, showAnswerAreas } from "./answers.js";
import { playlistOfPage, tellTimeToSound } from "./api.js";
import { createControls, NO_INTERNET } from "./controls.js";
import { createConversation } from "./conversation.js";
import { startActions } from "./actions.js";
import { all, one, say, write } from "./elements.js";
import { goToChosenJourney, keepJourney } from "./journeychoice.js";
import { createKeeping, showSoundAreas } from "./keeping.js";
import * as places from "./places.js";
import { createPlayer } from "./player.js";
import { preferences, tab, visit } from "./preferences.js";
import { createReplies } from "./replies.js";
import { createSamples } from "./samples.js";
import { createScreens } from "./screens.js";
import { createTabs } from "./tabs.js";
import { showTextSize, startTextSize } from "./textsize.js";
import { createVoices } from "./voices.js";
import { createWords } from "./words.js";

/** Where a listener is, what is on the screen there, and what is heard. Where buttons lead: actions.js. */
const TREMOR_MS = 400; // a hand that trembles presses twice, and means one step

const playlist = playlistOfPage();
const voices = createVoices(playlist);
const answers = createAnswers();
const replies = createReplies();
const screens = createScreens();
const words = createWords();
const player = createPlayer(one("audio"), { onChange: render, onPlaying, onStarted: tellTimeToSound, onQuiet: invite });
const controls = createControls(player);
const samples = createSamples(player, voices);
const tabs = createTabs({ onOtherVoice: player.pause, onCleared: () => forget("") });
const keeping = createKeeping({ answers, replies, voices, playlist, isSilent, isHidden: () => here === "welcome" });
const conversation = createConversation({ answers, replies, voices, here: () => here, move, offer, mayPlay });

let here = "start";
let movedAt = -TREMOR_MS;
let visitor = String(Math.random()); // whom the entries of the browser's history belong to

// --- where one is ------------------------------------------------------------------------------------------
function show(place, origin = here) {
  if (places.isAside(place) && !places.isAside(origin)) visit.set("from", origin);
  here = place;
  if (place !== "welcome") visit.set("place", place);
  screens.show(place);
  const from = visit.get("from");
  one("on-question").hidden = places.questionOf(from) === null;
  for (const own of all("own-words")) own.hidden = from === "welcome"; // who it is has not been said yet
  one("no-sound-help").textContent = "";
  one("read-on").hidden = true;
  conversation.enter(place);
  showSound();
}

function showSound() {
  const clip = clipAt(here);
  const sounds = clip !== null && !isSilent();
  showSoundAreas(!isSilent());
  one("player").hidden = !sounds;
  one("sound-on").hidden = clip === null || !isSilent();
  document.body.classList.toggle("voiced", sounds);
  words.show(screens.screen());
  player.show(sounds ? clip : null);
  if (!sounds) say("");
}

/** What is to be heard here has changed. */
function offer() {
  showSound();
  if (mayPlay()) player.play();
}

function clipAt(place) {
  if (places.isReply(place)) return conversation.clip();
  const { clip } = places.screenOf(place).dataset;
  return clip ? voices.clip(voices.chosen(), clip) : null;
}

/** Move to a place because somebody pressed; an aside leads back to its origin, and so does the browser. */
function go(place, origin) {
  if (performance.now() - movedAt < TREMOR_MS) return;
  movedAt = performance.now();
  answers.keep();
  keepJourney();
  visit.set("visitor", visitor);
  visit.set("order", places.narrativesInOrder().join(" "));
  history.pushState({ place, visitor }, "");
  arrive(place, origin);
}

/** Move without a press, in the place of the screen that is shown. */
function move(place) {
  history.replaceState({ place, visitor }, "");
  arrive(place);
}

function arrive(place, origin) {
  window.scrollTo(0, 0); // before the screens change: Firefox would go back to where the longer one was
  show(place, origin);
  screens.focus();
  if (mayPlay()) player.play();
}

// --- sound -------------------------------------------------------------------------------------------------
function render(sound) {
  const isComfort = places.screenOf(here).dataset.screen === "comfort";
  if (isComfort) samples.render(sound);
  else controls.render(sound);
  const isHeard = ["playing", "waiting", "paused"].includes(sound.state);
  if (isHeard && sound.duration && !isComfort) words.follow(sound);
  else words.clear();
}

function onPlaying() {
  tabs.speak();
  const next = places.isNarrative(here) ? places.following(here) : "";
  const mayFetch = places.isNarrative(next) && !(navigator.connection && navigator.connection.saveData);
  player.keepReady(mayFetch ? clipAt(next) : null);
}

/** When the voice has ended, the box to answer in is in sight; nothing moves on by itself. */
function invite() {
  const question = places.isNarrative(here) && conversation.isOpen() ? places.questionOf(here) : null;
  if (question) words.bringIntoView(answers.element(question));
}

function isSilent() {
  return visit.get("silent") === "yes";
}

function mayPlay() {
  return player.isUnlocked() && !isSilent() && !one("waits").checked;
}

function setSilent(wish) {
  visit.set("silent", wish ? "yes" : "no");
}

/** To be called in a press: from then on this page may sound. */
function begin() {
  setSilent(false);
  player.unlock();
  voices.prepare(voices.chosen());
}

// --- leaving nothing behind --------------------------------------------------------------------------------
/** Nobody's words, sounds or preferences are left, in this page or in the browser. It needs no network. */
function forget(message) {
  for (const part of [answers, replies, keeping, player]) part.clear();
  preferences.clearAll();
  showTextSize("1");
  controls.resetSpeed();
  voices.check(voices.first);
  one("waits").checked = false;
  showAnswerAreas(false);
  words.restart();
  visitor = String(Math.random());
  here = "start";
  show("start");
  tab.clearAll();
  visit.clearAll(); // last: not even that somebody is at the start
  history.replaceState({ place: "start", visitor }, "");
  write(one("cleared"), message);
  screens.focus();
}

// --- the page is opened, or opened again -------------------------------------------------------------------
function open() {
  const earlier = visit.get("order").split(" ");
  const place = places.nearest(visit.get("place", "start"), earlier);
  if (visit.get("from")) visit.set("from", places.nearest(visit.get("from"), earlier));
  const wasUsed = place !== "start" && places.isPlace(place);
  const wasOpenedFromWelcome = places.isAside(place) && visit.get("from") === "welcome";
  if (wasUsed && !wasOpenedFromWelcome) {
    visit.set("resume", place);
    visit.set("resume-origin", visit.get("from"));
  }
  visitor = visit.get("visitor", visitor);
  const owner = places.narrativeOf(visit.get("resume"));
  const [number] = (owner && one("place", owner).textContent.match(/^Question \d+/)) || [];
  write(one("carry-on"), number ? `Carry on at ${number.toLowerCase()}` : "Carry on");
  show(wasUsed ? "welcome" : "start");
  history.replaceState({ place: here, visitor }, "");
}

window.addEventListener("popstate", ({ state }) => {
  if (!state) return; // a link within the page: nobody has gone anywhere
  answers.keep();
  if (here === "welcome") history.pushState({ place: here, visitor }, ""); // first, who it is
  else arrive(state.visitor === visitor && places.isPlace(state.place) ? state.place : "start");
});
window.addEventListener("offline", () => say(NO_INTERNET));
// Somebody comes back from another page, and the browser has kept the screen, words and all.
window.addEventListener("pageshow", ({ persisted }) => persisted && open());

const actions = startActions({
  go, forget, begin, setSilent, showSound, player, answers, conversation, keeping, tabs,
  here: () => here,
  focus: screens.focus,
});
onSubmit(actions.next);
startTextSize();
voices.startChoice();
one("waits").checked = preferences.get("waits") === "yes";
one("waits").addEventListener("change", ({ target }) => preferences.set("waits", target.checked ? "yes" : "no"));
history.scrollRestoration = "manual";
showAnswerAreas(conversation.isOpen());
if (!goToChosenJourney()) open();
one("journey").dataset.ready = "";
