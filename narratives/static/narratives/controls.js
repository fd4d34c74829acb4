import { all, one, say, setBusy, write } from "./elements.js";
import { preferences } from "./preferences.js";

/** The buttons of the player: what they are called, what they say, and which keys do the same. */
const NAMES = {
  idle: "Listen",
  preparing: "Listen",
  playing: "Pause",
  waiting: "Pause",
  paused: "Go on",
  ended: "Hear again",
  failed: "Try the sound again",
  blocked: "Try the sound again",
};
const PRESS_LISTEN = "Press Listen when you are ready.";
const GETTING_READY = "Getting the voice ready. You can read it meanwhile.";
const SLOW = "The connection is slow. You can read the words above.";
const NO_SOUND = "The sound is not working just now. You can read the words and carry on.";
const BLOCKED =
  "This browser does not let the sound through. Look whether the page or the device is muted; you can read the words and carry on.";
export const NO_INTERNET =
  "No internet. Your words are safe on this page; keep it open. You can read and write on.";
const SPOKEN_EVERY_SECONDS = 5;

export function createControls(player) {
  const group = one("player");
  const playButton = one("play");
  const seekBar = one("seek");
  const again = one("again");
  const speeds = all("speed"); // in the player, and where one makes oneself comfortable
  let shown = {}; // the state that the buttons show, and of which clip
  let toldSecond = -1; // what the seek bar last told a screen reader
  let timers = [];

  playButton.addEventListener("click", player.toggle);
  again.addEventListener("click", player.again);
  for (const button of all("back-seconds")) {
    button.addEventListener("click", () => player.skip(-Number(button.dataset.backSeconds)));
  }
  seekBar.addEventListener("input", () => player.seek(Number(seekBar.value)));
  for (const speed of speeds) speed.addEventListener("change", () => chooseSpeed(speed.selectedIndex));
  group.addEventListener("keydown", pressKey);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") player.pause();
  });
  showSpeed(preferences.get("speed", "1"));

  function render({ state, clip, seconds, duration }) {
    if (state !== shown.state || clip !== shown.clip) enter(state, clip);
    one("time-now").textContent = clock(seconds);
    one("time-all").textContent = clock(duration);
    renderSeek(seconds, duration, state);
  }

  function enter(state, clip) {
    shown = { state, clip };
    toldSecond = -1;
    timers.forEach(clearTimeout);
    timers = [];
    nameButton(playButton, NAMES[state], state);
    hideSecondAgain(state);
    if (state === "preparing") {
      timers = [
        setTimeout(() => isBeingMade(clip) && say(GETTING_READY), 1000),
        setTimeout(() => isBeingMade(clip) || say(SLOW), 2000),
      ];
    }
    if (state === "waiting") timers = [setTimeout(() => say(SLOW), 2000)];
    say(messageOf(state));
  }

  function renderSeek(seconds, duration, state) {
    seekBar.max = String(duration || 1);
    seekBar.value = String(seconds);
    seekBar.style.setProperty("--part", String(duration ? seconds / duration : 0));
    const isDue = state !== "playing" || Math.abs(seconds - toldSecond) >= SPOKEN_EVERY_SECONDS || toldSecond < 0;
    if (!isDue) return;
    toldSecond = seconds;
    seekBar.setAttribute("aria-valuetext", `${Math.round(seconds)} of ${Math.round(duration)} seconds`);
  }

  /** At the end the large button says "Hear again"; two of that name would make one wonder which. */
  function hideSecondAgain(state) {
    const isNeeded = state === "playing" || state === "paused" || state === "waiting";
    if (!isNeeded && document.activeElement === again) playButton.focus();
    again.classList.toggle("away", !isNeeded);
  }

  function showSpeed(value) {
    for (const speed of speeds) {
      speed.value = value;
      if (speed.selectedIndex < 0) speed.value = "1";
    }
    player.setRate(Number(speeds[0].value));
  }

  function chooseSpeed(index) {
    const { value } = speeds[0].options[index];
    showSpeed(value);
    preferences.set("speed", value);
  }

  /** These keys work inside the player only, so none of them is taken from a screen reader elsewhere. */
  function pressKey(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const arrowsAreTaken = speeds.includes(event.target); // they choose there
    const actions = {
      ArrowLeft: arrowsAreTaken ? null : () => player.skip(-5),
      ArrowRight: arrowsAreTaken ? null : () => player.skip(5),
      Home: arrowsAreTaken ? null : () => player.seek(0),
      "+": () => stepSpeed(1),
      "-": () => stepSpeed(-1),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  function stepSpeed(step) {
    const index = speeds[0].selectedIndex + step;
    if (index < 0 || index >= speeds[0].options.length) return;
    chooseSpeed(index);
    say(`Speed: ${speeds[0].options[index].text}`);
  }

  return { render, resetSpeed: () => showSpeed("1") };
}

export function nameButton(button, name, state) {
  write(one("label", button), name);
  button.dataset.state = state;
  setBusy(button, state === "preparing");
}

function messageOf(state) {
  if (state === "idle") return PRESS_LISTEN;
  if (state === "blocked") return BLOCKED;
  if (state === "failed") return navigator.onLine === false ? NO_INTERNET : NO_SOUND;
  return "";
}

const isBeingMade = (clip) => Boolean(clip.audio) && !clip.audio.ready;

const clock = (seconds) => {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
};
