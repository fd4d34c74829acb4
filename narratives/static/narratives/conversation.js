import { following, isReply, questionOf } from "./places.js";
import { visit } from "./preferences.js";
import { createReplyScreen } from "./replyscreen.js";

/**
 * An answer and the reply to it. Nobody waits for a reply longer than they like: "Continue" is always there, and
 * after six seconds a fixed sentence is said in its place. A reply that comes later is used only where it says
 * that somebody needs a person now.
 */
const SLOW_MS = 6000;
const MOST_CHARACTERS = 20000; // that the site replies to; it still looks in longer ones for a cry for help

export function createConversation({ answers, replies, voices, here, move, offer, mayPlay }) {
  const screen = createReplyScreen();
  let shown = null; // the reply on the screen
  let isLost = false; // there is none, and the fixed sentence stands in for it

  const isOpen = () => visit.get("agreed") === "yes";
  const isAdding = () => visit.get("adding") === "yes";
  const goesTo = (place) => (isAdding() ? "finish" : following(place));

  /** Where a question or its reply leads; undefined for places that follow their fixed order. */
  function after(place) {
    const question = questionOf(place);
    if (question === null) return undefined;
    const answer = place === question && isOpen() ? answers.of(question) : "";
    if (!answer) return goesTo(place);
    const kept = replies.of(question, answer);
    return kept && kept.source === "safety" ? `safety-${question}` : `reply-${question}`;
  }

  function enter(place) {
    shown = null;
    isLost = false;
    screen.clear();
    if (!isReply(place)) {
      if (place === "finish") addNoMore();
      return;
    }
    const question = questionOf(place);
    const answer = answers.of(question);
    const kept = replies.of(question, answer);
    if (kept) present(kept);
    else waitFor(question, answer, place);
  }

  function waitFor(question, answer, place) {
    screen.wait();
    const isHere = () => here() === place && shown === null;
    const slow = setTimeout(() => isHere() && lose(), SLOW_MS);
    replies
      .ask(question, answer, voices.chosen())
      .then((reply) => {
        clearTimeout(slow);
        if (answers.of(question) === answer) replies.keep(question, reply); // for later, where it comes too late
        if (reply.source === "safety") move(`safety-${question}`);
        else if (isHere() && !isLost) come(reply);
      })
      .catch(() => {
        clearTimeout(slow);
        if (isHere() && !isLost) lose();
      });
  }

  function come(reply) {
    present(reply);
    offer();
  }

  function present(reply) {
    shown = reply;
    screen.show(reply, !mayPlay());
  }

  function lose() {
    isLost = true;
    screen.show({ text: screen.withoutReply, audio: null, level: isTooLong() ? "urgent" : "none" }, !mayPlay());
    offer();
  }

  /** Perhaps not all of it was looked at, so whom to call is shown quietly. */
  const isTooLong = () => answers.of(questionOf(here())).length > MOST_CHARACTERS;

  function clip() {
    if (shown) return voices.clipOfReply(questionOf(here()), shown);
    return isLost ? voices.clip(voices.chosen(), "system-sorry_no_reflection") : null;
  }

  /** From the finish back to one question, and then to the finish again. */
  function addTo(question, go) {
    visit.set("adding", "yes");
    go(question);
  }

  const addNoMore = () => visit.clear("adding");

  return { isOpen, after, goesTo, enter, clip, addTo, addNoMore };
}
