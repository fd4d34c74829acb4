import { all, one, write } from "./elements.js";
import { visit } from "./preferences.js";

/** The person's own words: in the boxes of this page and in this tab's memory, and nowhere else. */
const KEEP_AFTER_MS = 1000;
const NAME = "answers";
const QUESTIONS = "questions";

export function createAnswers() {
  let timer = 0;
  const boxes = () => all("answer");
  const boxOf = (id) => boxes().find((box) => box.dataset.answer === id);

  const kept = visit.getAll(NAME);
  for (const box of boxes()) box.value = kept[box.dataset.answer] || "";
  // A question may have been taken out since it was answered: the answer stays, with the words it belongs to.
  const questions = visit.getAll(QUESTIONS);
  let withoutBox = Object.keys(kept).filter((id) => !boxOf(id));

  // On the document, because a cleared box is a new one.
  document.addEventListener("input", ({ target }) => {
    if (!isBox(target)) return;
    clearTimeout(timer);
    timer = setTimeout(keep, KEEP_AFTER_MS);
  });
  document.addEventListener("focusout", ({ target }) => isBox(target) && keep());
  document.addEventListener("visibilitychange", keep);
  window.addEventListener("pagehide", keep);

  function keep() {
    clearTimeout(timer);
    const written = Object.fromEntries(withoutBox.map((id) => [id, kept[id]]));
    for (const box of boxes()) {
      const id = box.dataset.answer;
      if (!box.value.trim()) continue;
      written[id] = box.value;
      questions[id] = wordsOf(box.closest("[data-narrative]"));
    }
    const words = JSON.stringify(written);
    if (words === visit.get(NAME, "{}")) return;
    if (!visit.set(NAME, words)) {
      visit.clear("sound."); // words come before sounds where there is little room
      visit.set(NAME, words);
    }
    visit.set(QUESTIONS, JSON.stringify(questions));
    for (const box of boxes()) write(statusOf(box), box.value.trim() ? "Kept on this page" : "");
  }

  /** Nothing of it is left in the boxes either, nor in what their "Undo" would bring back. */
  function clear() {
    clearTimeout(timer);
    withoutBox = [];
    for (const box of boxes()) {
      write(statusOf(box), "");
      const empty = box.cloneNode(false);
      empty.value = "";
      box.replaceWith(empty);
    }
  }

  const of = (id) => boxOf(id).value.trim();
  const haveAny = () => withoutBox.length > 0 || boxes().some((box) => box.value.trim());
  /** Answers to questions that this page no longer has, with the title and the words of each. */
  const toEarlierQuestions = () => withoutBox.map((id) => ({ id, answer: kept[id].trim(), ...questions[id] }));
  return { of, haveAny, keep, clear, toEarlierQuestions, element: boxOf };
}

const wordsOf = (narrative) => ({
  title: one("heading", narrative).textContent,
  text: all("sentence", narrative).map((sentence) => sentence.textContent).join(" "),
});

const statusOf = (box) => one("kept", box.closest("[data-narrative]"));
const isBox = (element) => element.dataset && "answer" in element.dataset;

/** Ctrl and Enter in a box do what the large button does; Enter alone is a new line. */
export function onSubmit(action) {
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || !isBox(event.target)) return;
    event.preventDefault();
    action();
  });
}

/** The boxes are there only for those who agreed. */
export function showAnswerAreas(areShown) {
  for (const area of all("answer-area")) area.hidden = !areShown;
  for (const button of all("label-next")) {
    const isQuestion = button.closest("[data-narrative]").dataset.kind === "question";
    button.textContent = areShown && isQuestion ? "Save and continue" : "Continue";
  }
  for (const offer of all("no-answers")) offer.hidden = areShown;
  one("journey").dataset.answers = areShown ? "yes" : "no";
}
