// The page of a journey: play all clips in a row, move narratives up and down, and estimate a text while it is
// written. Players and self-updating parts come from ttscache/staff.js.
{
  // --- playing the whole journey, with the pauses that listeners hear ---
  const GAP_MS = 1500;
  let whole = null; // the journey being played: its button and the remaining clips

  // Look the player up when its turn comes: the page may have replaced it with a fresh one.
  function playerAt({ row, voice }) {
    const players = [...(document.getElementById(row)?.querySelectorAll("[data-player]") ?? [])];
    return players.find((player) => player.querySelector(".clip-voice").textContent === voice);
  }

  function playNext() {
    const place = whole?.left.shift();
    if (!place) return stopWhole("End of the journey.");
    const player = playerAt(place);
    if (!player) return playNext();
    const number = whole.total - whole.left.length;
    tellWhole(`Clip ${number} of ${whole.total}`);
    whole.now = player.querySelector("audio");
    whole.now.currentTime = 0;
    whole.now.play().catch(() => stopWhole("This clip could not be played."));
  }

  function stopWhole(why) {
    const { button, now } = whole ?? {};
    whole = null;
    now?.pause();
    button?.setAttribute("aria-pressed", "false");
    tellWhole(why);
  }

  function tellWhole(words) {
    const place = document.querySelector("[data-playing]");
    if (place) place.textContent = words;
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-play-all]");
    if (!button) return;
    const isOn = whole?.button === button;
    if (whole) stopWhole("");
    if (isOn) return;
    const rows = [...document.querySelectorAll(".narratives .original [data-fresh]")].map(({ id }) => id);
    const left = rows.map((row) => ({ row, voice: button.dataset.playAll })).filter(playerAt);
    whole = { button, left, total: left.length, now: null };
    button.setAttribute("aria-pressed", "true");
    left.length ? playNext() : stopWhole("No clip of this voice is made yet.");
  });
  document.addEventListener("ended", (event) => {
    const playing = whole;
    if (event.target === whole?.now) setTimeout(() => whole === playing && playNext(), GAP_MS);
  }, true);
  document.addEventListener("play", (event) => {
    if (whole && event.target !== whole.now) stopWhole("");
  }, true);

  // --- estimating a text while it is written ---
  const ESTIMATE_MS = 400;
  const waiting = new WeakMap(); // the timer of each text
  const requests = new WeakMap(); // the number of requests per text, to drop late answers

  document.addEventListener("input", (event) => {
    const text = event.target.closest("textarea[name$='text']");
    const place = (text?.closest(".narrative") ?? text?.form)?.querySelector("[data-estimate]");
    if (!place) return;
    clearTimeout(waiting.get(text));
    waiting.set(text, setTimeout(() => estimate(text, place), ESTIMATE_MS));
  });

  async function estimate(text, place) {
    const mine = (requests.get(text) ?? 0) + 1;
    requests.set(text, mine);
    const body = new FormData();
    body.append("text", text.value);
    body.append("csrfmiddlewaretoken", document.querySelector("[name=csrfmiddlewaretoken]").value);
    const answer = await fetch(place.dataset.estimate, { method: "POST", body }).catch(() => null);
    if (!answer?.ok || answer.redirected) return;
    const told = await answer.text();
    if (requests.get(text) === mine) place.innerHTML = told; // else a newer request is under way
  }

  // --- while a text is written, the badges of its saved clips would not be true ---
  document.addEventListener("input", (event) => {
    const text = event.target.closest("textarea[name$='text']");
    const row = text?.closest(".narrative") ?? text?.form;
    const statuses = row?.querySelector("[data-fresh].clip-statuses");
    if (!statuses) return;
    const isEdited = text.value !== text.defaultValue;
    let note = statuses.parentElement.querySelector(".narrative-edited");
    if (isEdited && !note) {
      note = document.getElementById("narrative-edited").content.firstElementChild.cloneNode(true);
      statuses.before(note);
    }
    if (note) note.hidden = !isEdited;
    // On the parent, because the list of clips is replaced while clips are made.
    statuses.parentElement.classList.toggle("is-edited", isEdited);
  });

  // --- moving a narrative with its arrows, for people who cannot drag ---
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-move]");
    if (!button) return;
    const row = button.closest(".form-group");
    const rows = [...row.parentElement.querySelectorAll(":scope > .form-group.original")];
    const target = rows[rows.indexOf(row) + Number(button.dataset.move)];
    if (!target) return;
    button.dataset.move === "1" ? target.after(row) : target.before(row);
    number(row.parentElement);
    button.focus();
    tell(row);
  });

  function number(formset) {
    formset.querySelectorAll(":scope > .form-group.original").forEach((row, position) => {
      const input = row.querySelector("input[name$='-position']");
      input.value = position;
      input.dispatchEvent(new Event("input", { bubbles: true }));
    });
  }

  function tell(row) {
    const rows = [...row.parentElement.querySelectorAll(":scope > .form-group.original")];
    const title = row.querySelector(".narrative-title input")?.value ?? "";
    const place = document.querySelector("[data-moved]");
    if (place) place.textContent = `${title} is now number ${rows.indexOf(row) + 1} of ${rows.length}.`;
  }
}
