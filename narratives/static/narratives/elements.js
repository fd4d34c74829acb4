/** Elements are found by their data- attributes: one("play") is the element with data-play. */

export const one = (name, root = document) => root.querySelector(`[data-${name}]`);
export const all = (name, root = document) => [...root.querySelectorAll(`[data-${name}]`)];

/** A button that is out of use for a moment keeps its focus. */
export const setBusy = (button, isBusy) => button.setAttribute("aria-disabled", String(isBusy));

/** Says something in the live regions; only the one of the screen that is shown is heard. */
export function say(message) {
  for (const status of all("status")) {
    if (status.textContent !== message) status.textContent = message;
  }
}
