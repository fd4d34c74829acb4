/** Updates audio jobs (warm runs) about once a second until they have ended, without a reload. */

const POLL_MS = 1000;
const ACTIVE = ["queued", "running", "paused"];
// The server writes the same words: counts() in ttscache/admin/warm_runs.py.
const COUNTS = { done: "made", skipped: "already there", failed: "failed", cancelled: "cancelled" };

const runs = [...document.querySelectorAll("[data-run-url]")];
const partOf = (run, name) => document.querySelector(`[data-run-${name}="${run.dataset.run}"]`);
const template = (name, value) => document.querySelector(`template[data-run-${name}="${value}"]`);

function write(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

function timeLeft(seconds) {
  if (!seconds) return "";
  return seconds < 90 ? `about ${seconds} s left` : `about ${Math.round(seconds / 60)} min left`;
}

function inWords(told) {
  const words = Object.entries(COUNTS).filter(([name]) => told[name]);
  return words.map(([name, word]) => `${told[name]} ${word}`).join(", ") || "none yet";
}

function showState(run, told) {
  const place = partOf(run, "state");
  const badge = template("badge", told.state);
  if (!place || !badge) return;
  const pause = told.paused_because ? template("pause", told.paused_because).content.textContent : "";
  place.replaceChildren(badge.content.cloneNode(true), ` ${pause}`);
  for (const button of document.querySelectorAll("[data-while]")) {
    button.closest("li").hidden = !button.dataset.while.split(" ").includes(told.state);
  }
  const word = badge.content.cloneNode(true);
  for (const icon of word.querySelectorAll("[aria-hidden]")) icon.remove();
  tell(`${run.dataset.runName}: ${word.textContent.trim()}. ${inWords(told)}. ${pause}`);
}

/** Puts the news into the page's live region, which a screen reader reads out when it is free. */
function tell(news) {
  write(document.querySelector("[data-run-news]"), news);
}

function show(run, told) {
  const ready = told.done + told.skipped;
  const bar = run.querySelector("progress");
  bar.max = told.total || 1;
  bar.value = ready;
  write(run.querySelector("[data-run-ready]"), `${ready} of ${told.total}`);
  write(run.querySelector("[data-run-left]"), timeLeft(told.eta_seconds));
  write(partOf(run, "failed"), told.failed ? String(told.failed) : "");
  write(partOf(run, "counts"), inWords(told));
  const state = told.state + told.paused_because;
  if (run.dataset.runIs === state) return;
  if (run.dataset.runIs !== told.state || told.paused_because) showState(run, told);
  run.dataset.runIs = state;
}

/** Fetches and shows the run; resolves to whether it is still active. */
async function look(run) {
  try {
    const answer = await fetch(run.dataset.runUrl, { headers: { Accept: "application/json" } });
    if (answer.status === 404) return false;
    if (!answer.ok) return true; // the next round tries again
    const told = await answer.json();
    show(run, told);
    return ACTIVE.includes(told.state);
  } catch {
    return true;
  }
}

async function follow(run) {
  while (document.hidden || (await look(run))) {
    await new Promise((goOn) => setTimeout(goOn, POLL_MS));
  }
}

runs.forEach(follow);
