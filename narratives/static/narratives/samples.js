import { all, one, say } from "./elements.js";
import { nameButton } from "./controls.js";

/** "Hear a sample" beside each voice. Its words are on the screen. */
export function createSamples(player, voices) {
  const buttons = all("sample");
  let playing = null; // the button that was pressed last

  for (const button of buttons) {
    button.addEventListener("click", () => press(button));
  }

  function press(button) {
    const isOn = button === playing && button.dataset.state === "playing";
    playing = button;
    player.show(voices.clip(button.dataset.sample, one("sample-of").dataset.sampleOf));
    if (!isOn) player.play();
  }

  function render({ state }) {
    for (const button of buttons) {
      const own = button === playing ? state : "idle";
      nameButton(button, own === "playing" ? "Stop the sample" : "Hear a sample", own);
    }
    say(state === "failed" ? "The sound is not working just now. You can begin all the same." : "");
  }

  return { render };
}
