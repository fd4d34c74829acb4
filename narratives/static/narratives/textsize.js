import { all } from "./elements.js";
import { preferences } from "./preferences.js";

/** A, A+ and A++: all lengths that follow the text are in rem. */
export function startTextSize() {
  for (const button of all("text-size")) {
    button.addEventListener("click", () => {
      showTextSize(button.dataset.textSize);
      preferences.set("size", button.dataset.textSize);
    });
  }
  showTextSize(preferences.get("size", "1"));
}

export function showTextSize(size) {
  document.documentElement.dataset.size = size;
  for (const button of all("text-size")) {
    button.setAttribute("aria-pressed", String(button.dataset.textSize === size));
  }
}
