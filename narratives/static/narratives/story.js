import { all, one } from "./elements.js";

/** A person's story, put together on this device: questions, their own answers, and the replies to them. */

/** Each narrative of the journey with what was said to it; `answers` and `replies` may be empty. */
export function collectStory(answers, replies) {
  const earlier = answers.toEarlierQuestions().map(({ id, title, text, answer }) =>
    ({ id, kind: "question", place: "An earlier question", title: title || "", text: text || "", answer, reply: null }),
  );
  const parts = all("narrative").map((narrative) => {
    const id = narrative.dataset.narrative;
    const isQuestion = narrative.dataset.kind === "question";
    const answer = isQuestion ? answers.of(id) : "";
    return {
      id,
      kind: narrative.dataset.kind,
      place: one("place", narrative).textContent,
      title: one("heading", narrative).textContent,
      text: all("sentence", narrative).map((sentence) => sentence.textContent).join(" "),
      answer,
      reply: answer ? replies.of(id, answer) || null : null,
    };
  });
  const end = parts.map(({ kind }) => kind).lastIndexOf("question") + 1;
  return [...parts.slice(0, end), ...earlier, ...parts.slice(end)];
}

const questionsOf = (story) => story.filter(({ kind }) => kind === "question");

export function storyAsText(story) {
  const parts = questionsOf(story).map(({ place, title, text, answer, reply }) =>
    [`${place}: ${title}`, text, answer || "(no answer)", reply ? reply.text : ""].filter(Boolean).join("\n\n"),
  );
  return ["My life story", ...parts].join("\n\n\n") + "\n";
}

/** The story as elements of a document, the one of this page or of a keepsake. */
export function storyAsElements(story, owner = document, decorate = () => []) {
  const make = (tag, text, name = "") => {
    const element = owner.createElement(tag);
    element.textContent = text;
    if (name) element.className = name;
    return element;
  };
  const parts = story.map((part) => {
    const section = owner.createElement("section");
    const isQuestion = part.kind === "question";
    section.append(make("h2", isQuestion ? `${part.place}: ${part.title}` : part.title), make("p", part.text, "question"));
    section.append(...decorate(part, "question"));
    if (isQuestion) section.append(make("p", part.answer || "(no answer)", part.answer ? "answer" : "quiet"));
    if (part.reply) section.append(make("p", part.reply.text, "reply"), ...decorate(part, "reply"));
    return section;
  });
  return [make("h1", "My life story"), ...parts];
}

/** Before printing, from the page's own button or the browser's menu, the story is there; after it, it is gone. */
export function startPrinting(collect) {
  const paper = one("story");
  window.addEventListener("beforeprint", () => {
    paper.hidden = false;
    paper.replaceChildren(...storyAsElements(collect().filter(({ kind }) => kind === "question")));
  });
  window.addEventListener("afterprint", clear);

  function clear() {
    paper.hidden = true;
    paper.textContent = "";
  }

  return { clear };
}

/** Hands a file to the browser to be saved. */
export function save(name, content, type) {
  const address = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60000); // a slow device may still be reading it
}
