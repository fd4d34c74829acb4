import { all } from "./elements.js";

/**
 * Where a listener can be. A place is the name of a screen ("start"), the number of a narrative ("12"), or
 * what belongs to a question: "reply-12", "safety-12". An aside is left again for the place it was opened from.
 */
const OPENING = ["start", "consent", "comfort"];
const ASIDES = ["help", "rest", "keep", "clear", "add", "comfort-again"];
const screens = all("screen");
const narratives = all("narrative");
const ids = narratives.map((each) => each.dataset.narrative);
const order = [...OPENING, ...ids, "finish"];

export const screenOf = (place) => screens.find((each) => each.dataset.screen === place.split("-")[0]);
export const narrativeOf = (place) => narratives.find((each) => each.dataset.narrative === ownerOf(place));
export const isAside = (place) => ASIDES.includes(place);
export const isNarrative = (place) => ids.includes(place);
export const isReply = (place) => place.startsWith("reply-");
export const isPlace = (place) => isAside(place) || order.includes(place) || ids.includes(ownerOf(place));
export const firstNarrative = () => ids[0];
export const narrativesInOrder = () => ids;

/** The place itself; where its narrative has been taken out meanwhile, the next one of the earlier order. */
export function nearest(place, earlier) {
  if (isPlace(place) || place === "welcome") return place;
  const owner = place.replace(/^(reply|safety)-/, "");
  if (!earlier.includes(owner)) return "start";
  return earlier.slice(earlier.indexOf(owner)).find((id) => ids.includes(id)) || "finish";
}

/** The question that this place is, or belongs to; null elsewhere. */
export function questionOf(place) {
  const narrative = narrativeOf(place);
  return narrative && narrative.dataset.kind === "question" ? narrative.dataset.narrative : null;
}

export const following = (place) => order[order.indexOf(ownerOf(place)) + 1];
export const preceding = (place) => (place === ownerOf(place) ? order[order.indexOf(place) - 1] : ownerOf(place));

function ownerOf(place) {
  const owner = place.replace(/^(reply|safety)-/, "");
  return ids.includes(owner) ? owner : place;
}
