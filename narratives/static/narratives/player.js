import { createShelf } from "./clips.js";
import { createStopwatch } from "./stopwatch.js";

/**
 * One <audio>, reused for all clips: phones allow sound for the element that a tap has started, and for
 * that element from then on.
 *
 * States: idle, preparing, playing, waiting (it has played all that has come), paused, ended, failed, and
 * blocked: somebody pressed, and the browser still does not let the sound through.
 */
const SILENCE =
  "data:audio/wav;base64,UklGRkwAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YSgAAACAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICA";
const QUIET_MS = 700;

export function createPlayer(audio, { onChange, onPlaying, onStarted, onQuiet }) {
  const shelf = createShelf();
  const watch = createStopwatch(); // from the wish for a clip to its first sound
  let clip = null; // what this screen offers
  let address = ""; // where its sound is, once the element has it
  let state = "idle";
  let rate = 1;
  let isUnlocked = false;
  let turn = 0; // a newer wish makes older ones void
  let quiet = 0;

  const isOurs = () => address !== "" && audio.src === address;
  const isSounding = () => state === "playing" || state === "waiting";
  const isAtBeginning = () => !isOurs() || audio.ended || audio.currentTime === 0;
  const duration = () => {
    if (isOurs() && Number.isFinite(audio.duration)) return audio.duration;
    return clip && clip.audio && clip.audio.duration_ms ? clip.audio.duration_ms / 1000 : 0;
  };
  const report = () => onChange({ state, clip, seconds: isOurs() ? audio.currentTime : 0, duration: duration() });

  function enter(next) {
    clearTimeout(quiet);
    state = next;
    report();
  }

  /** To be called in a press: what is started later, by itself, is then allowed to sound. */
  function unlock() {
    if (isUnlocked) return;
    isUnlocked = true;
    audio.src = SILENCE;
    audio.play().catch(() => {});
  }

  /** Offer this clip, or none. Nothing is fetched until it is played. */
  function show(next) {
    turn += 1;
    watch.forget();
    audio.pause();
    clip = next;
    address = "";
    enter("idle");
  }

  async function play({ isPressed = false } = {}) {
    if (state === "preparing" || clip === null) return;
    const mine = ++turn;
    if (!isSounding() && isAtBeginning()) watch.start();
    unlock();
    try {
      if (!isOurs()) await load(mine);
      if (mine === turn) await audio.play();
    } catch (error) {
      if (mine === turn) fail(error, isPressed);
    }
  }

  async function load(mine) {
    enter("preparing");
    const taken = await shelf.take(clip);
    if (mine !== turn) return;
    address = taken;
    audio.src = address;
    setRate(rate);
  }

  function fail(error, isPressed) {
    watch.forget();
    if (error.name === "NotAllowedError") {
      isUnlocked = false;
      enter(isPressed ? "blocked" : "idle");
    } else if (error.name !== "AbortError" || !isOurs()) {
      enter("failed");
    }
  }

  /** Also while the clip is still on its way. */
  function pause() {
    if (state === "preparing") show(clip);
    else audio.pause();
  }

  function again() {
    if (isOurs()) audio.currentTime = 0;
    play({ isPressed: true });
  }

  function seek(seconds) {
    if (!isOurs()) return;
    const wasAtEnd = state === "ended";
    audio.currentTime = Math.min(Math.max(seconds, 0), duration());
    if (wasAtEnd) enter("paused");
    else report();
  }

  function skip(seconds) {
    const wasAtEnd = state === "ended";
    seek(audio.currentTime + seconds);
    if (wasAtEnd && seconds < 0) play({ isPressed: true });
  }

  function setRate(next) {
    rate = next;
    for (const name of ["preservesPitch", "webkitPreservesPitch", "mozPreservesPitch"]) {
      if (name in audio) audio[name] = true;
    }
    audio.defaultPlaybackRate = rate; // a new source starts with this one
    audio.playbackRate = rate;
  }

  /** Fetch what comes next while this one plays, and give back what came before. */
  function keepReady(next) {
    shelf.keepOnly([clip, next].filter(Boolean));
    if (next) shelf.fetch(next);
  }

  /** Stop, and keep no sound of anybody. */
  function clear() {
    show(null);
    audio.removeAttribute("src");
    audio.load();
    isUnlocked = false;
    shelf.keepOnly([]);
  }

  function on(event, handle) {
    audio.addEventListener(event, () => {
      if (isOurs()) handle();
    });
  }

  on("playing", () => {
    enter("playing");
    onPlaying();
    const waited = watch.stop();
    if (waited !== null) onStarted(clip, waited);
  });
  on("waiting", () => {
    if (isSounding()) enter("waiting");
  });
  on("pause", () => {
    watch.forget();
    if (!audio.ended) enter("paused");
  });
  on("ended", () => {
    enter("ended");
    quiet = setTimeout(onQuiet, QUIET_MS);
  });
  on("timeupdate", report);
  on("durationchange", report);
  on("error", () => {
    watch.forget();
    shelf.keepOnly([]); // it cannot be played: fetch it anew
    address = "";
    enter("failed");
  });

  // What a locked screen shows to others: never the question.
  if (navigator.mediaSession && window.MediaMetadata) {
    navigator.mediaSession.metadata = new MediaMetadata({ title: "Life Review" });
  }

  return {
    show, play, pause, again, seek, skip, setRate, keepReady, unlock, clear,
    toggle: () => (isSounding() ? pause() : play({ isPressed: true })),
    isUnlocked: () => isUnlocked,
  };
}
