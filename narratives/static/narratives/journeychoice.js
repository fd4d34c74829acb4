import { all, one } from "./elements.js";
import { tab } from "./preferences.js";

/**
 * Which story is taken in this tab. The address names it; a page that is opened without one goes back to the story
 * that somebody chose here or has begun, until this device is cleared.
 */
const NAME = "journey";
const ours = one("journey").dataset.journey;
const links = all("choose-journey");

for (const link of links) link.addEventListener("click", () => tab.set(NAME, link.dataset.chooseJourney));

export const keepJourney = () => links.length && tab.set(NAME, ours);

/** Whether the page is being left for another story. One that is live no longer has no link here. */
export function goToChosenJourney() {
  if (new URLSearchParams(location.search).has("journey")) return false;
  const chosen = links.find((link) => link.dataset.chooseJourney === tab.get(NAME, ours));
  if (!chosen || chosen.dataset.chooseJourney === ours) return false;
  location.replace(chosen.href);
  return true;
}
