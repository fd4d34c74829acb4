/** Elements are found by their data- attributes: one("play") is the element with data-play. */

export const one = (name, root = document) => root.querySelector(`[data-${name}]`);
export const all = (name, root = document) => [...root.querySelectorAll(`[data-${name}]`)];

/** A button that is out of use for a moment keeps its focus. */
export const setBusy = (button, isBusy) => button.setAttribute("aria-disabled", String(isBusy));

/** Writes into a live region only what is new, so that nothing is read out twice. */
export function write(element, message) {
  if (element.textContent !== message) element.textContent = message;
}

/** Says something in the live regions; only the one of the screen that is shown is heard. */
export function say(message) {
  for (const status of all("status")) write(status, message);
}

/** Calls the action whose name a pressed button carries in data-action. */
export function onActions(actions) {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-action]");
    if (button) actions[button.dataset.action](button);
  });
}
