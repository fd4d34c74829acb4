import { showAnswerAreas } from "./answers.js";
import { one, onActions } from "./elements.js";
import * as places from "./places.js";
import { visit } from "./preferences.js";

const NO_SOUND =
  "Make it louder with the buttons on the side of the device, and look whether it is muted. " +
  "Then press “Hear a sample” again. You can also read everything instead.";
const CLEARED = "This device is clear. Nothing you wrote is left on this page.";

/** What each button does: the names are those in data-action. Where "next" leads: conversation.js, places.js. */
export function startActions({
  go, forget, begin, setSilent, showSound, player, answers, conversation, keeping, tabs, here, focus,
}) {
  const from = () => visit.get("from", "start");
  const leaveAside = () => go(from());
  const leaveComfort = () => (here() === "comfort-again" ? leaveAside() : go(places.following("comfort")));
  const next = () => {
    const place = conversation.after(here()) || places.following(here());
    if (place) go(place);
  };

  /** Somebody who changed their mind in the middle goes back to where they were. */
  function consent(isGiven) {
    visit.set("agreed", isGiven ? "yes" : "no");
    showAnswerAreas(isGiven);
    const isLater = visit.get("asked-again") === "yes";
    visit.clear("asked-again");
    go(isLater ? from() : places.following("consent"));
  }

  /** Everything goes, in the other tabs of this page as well. */
  function finish() {
    forget(CLEARED);
    tabs.clear();
  }

  onActions({
    begin() { begin(); go("consent"); },
    read() { setSilent(true); go("consent"); },
    agree: () => consent(true),
    "not-now": () => consent(false),
    comfortable: leaveComfort,
    "no-sound"() {
      one("no-sound-help").textContent = NO_SOUND;
      one("read-on").hidden = false;
    },
    "read-on"() { setSilent(true); leaveComfort(); },
    "sound-here"() { begin(); showSound(); focus(); },
    "sound-on"() { begin(); showSound(); one("play").focus(); player.play({ isPressed: true }); },
    next,
    skip: () => go(conversation.goesTo(here())),
    back: () => go(places.isAside(here()) ? from() : places.preceding(here())),
    help: () => here() !== "help" && go("help"),
    rest: () => go("rest"),
    return: leaveAside,
    "skip-from-help": () => go(conversation.goesTo(from())),
    "change-voice": () => go("comfort-again"),
    "answer-after-all"() { visit.set("asked-again", "yes"); go("consent"); },
    "listen-again"() { conversation.addNoMore(); go(places.firstNarrative()); },
    restart() { conversation.addNoMore(); go("start"); },
    add: () => go("add"),
    "add-to": (button) => conversation.addTo(button.dataset.to, go),
    keep: () => go("keep"),
    print: keeping.print,
    "save-text": keeping.saveText,
    "save-keepsake": keeping.saveKeepsake,
    finish: () => (answers.haveAny() ? go("clear") : finish()),
    clear: finish,
    "carry-on"() {
      if (visit.get("silent") !== "yes") player.unlock(); // a press, so that the voice may go on as well
      go(visit.get("resume", "start"), visit.get("resume-origin") || undefined);
    },
    "someone-else": () => forget("Everything that was written here is cleared."),
  });

  return { next };
}
