import { all, one, say } from "./elements.js";
import { nameButton } from "./controls.js";

/** "Hear a sample" beside each voice. The voice that is heard is the one that is chosen from then on. */
export function createSamples(player, voices) {
  const buttons = all("sample");
  let playing = null; // the button that was pressed last

  for (const button of buttons) {
    button.addEventListener("click", () => press(button));
  }

  function press(button) {
    const isOn = button === playing && button.dataset.state === "playing";
    playing = button;
    voices.choose(button.dataset.sample);
    player.show(voices.clip(button.dataset.sample, one("sample-of").dataset.sampleOf));
    if (!isOn) player.play({ isPressed: true });
  }

  function render({ state }) {
    for (const button of buttons) {
      const own = button === playing ? state : "idle";
      nameButton(button, own === "playing" ? "Stop the sample" : "Hear a sample", own);
    }
    if (state === "failed") say("The sound is not working just now. You can go on all the same.");
    else if (state === "blocked") say("This browser does not let the sound through. You can read instead.");
    else say("");
  }

  return { render };
}
