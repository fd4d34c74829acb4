import { all, one, say, setBusy } from "./elements.js";
import { preferences } from "./preferences.js";

/** The buttons of the player: what they are called, what they say, and which keys do the same. */
const NAMES = {
  idle: "Listen",
  preparing: "Listen",
  playing: "Pause",
  paused: "Go on",
  ended: "Hear again",
  failed: "Try the sound again",
};
const PRESS_LISTEN = "Press Listen when you are ready.";
const GETTING_READY = "Getting the voice ready. You can read it meanwhile.";
const SLOW = "The connection is slow. You can read the words above.";
const NO_SOUND = "The sound is not working just now. You can read the words and carry on.";
const NO_INTERNET = "No internet. The words are safe on this page; keep it open. You can read on.";
const SPOKEN_EVERY_SECONDS = 5;

export function createControls(player) {
  const group = one("player");
  const playButton = one("play");
  const seekBar = one("seek");
  const speed = one("speed");
  let shown = {}; // the state that the buttons show, and of which clip
  let toldSecond = -1; // what the seek bar last told a screen reader
  let timers = [];

  playButton.addEventListener("click", player.toggle);
  one("again").addEventListener("click", player.again);
  for (const button of all("back-seconds")) {
    button.addEventListener("click", () => player.skip(-Number(button.dataset.backSeconds)));
  }
  seekBar.addEventListener("input", () => player.seek(Number(seekBar.value)));
  speed.addEventListener("change", chooseSpeed);
  group.addEventListener("keydown", pressKey);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") player.pause();
  });
  keepButtonInReach(group, playButton);
  speed.value = preferences.get("speed", "1");
  if (speed.selectedIndex < 0) speed.value = "1";
  player.setRate(Number(speed.value));

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
    if (state === "preparing") {
      timers = [
        setTimeout(() => isBeingMade(clip) && say(GETTING_READY), 1000),
        setTimeout(() => isBeingMade(clip) || say(SLOW), 2000),
      ];
    }
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

  function chooseSpeed() {
    player.setRate(Number(speed.value));
    preferences.set("speed", speed.value);
  }

  /** These keys work inside the player only, so none of them is taken from a screen reader elsewhere. */
  function pressKey(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const arrowsAreTaken = event.target === speed; // they choose there
    const deeds = {
      ArrowLeft: arrowsAreTaken ? null : () => player.skip(-5),
      ArrowRight: arrowsAreTaken ? null : () => player.skip(5),
      Home: arrowsAreTaken ? null : () => player.seek(0),
      "+": () => stepSpeed(1),
      "-": () => stepSpeed(-1),
    };
    const deed = deeds[event.key];
    if (!deed) return;
    event.preventDefault();
    deed();
  }

  function stepSpeed(step) {
    const index = speed.selectedIndex + step;
    if (index < 0 || index >= speed.options.length) return;
    speed.selectedIndex = index;
    chooseSpeed();
    say(`Speed: ${speed.options[index].text}`);
  }

  return { render };
}

/** Where the words are long, the player sticks to the end of the window as far down as its first button. */
function keepButtonInReach(group, button) {
  if (!window.ResizeObserver) return;
  const measure = () => {
    const below = group.getBoundingClientRect().bottom - button.getBoundingClientRect().bottom;
    group.style.setProperty("--below", `${12 - Math.round(below)}px`);
  };
  new ResizeObserver(measure).observe(group);
}

export function nameButton(button, name, state) {
  const label = one("label", button);
  if (label.textContent !== name) label.textContent = name;
  button.dataset.state = state;
  setBusy(button, state === "preparing");
}

function messageOf(state) {
  if (state === "idle") return PRESS_LISTEN;
  if (state === "failed") return navigator.onLine === false ? NO_INTERNET : NO_SOUND;
  return "";
}

const isBeingMade = (clip) => Boolean(clip.audio) && !clip.audio.ready;

const clock = (seconds) => {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
};
