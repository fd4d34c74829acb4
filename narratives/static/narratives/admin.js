// Clips on staff pages are heard one at a time; narratives move up and down; what is being made keeps itself
// up to date. Unfold's form watcher listens for changed attributes, so nothing here changes any while sound plays.
{
  const REFRESH_MS = 3000;

  // --- playing ---
  const buttonOf = (audio) => audio.closest("[data-player]")?.querySelector("button");
  const fillings = new WeakMap();

  const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

  function write(button, text) {
    const time = button.querySelector(".clip-time");
    time.firstChild ? (time.firstChild.data = text) : time.append(text);
  }

  function show(audio, isPlaying) {
    const button = buttonOf(audio);
    if (!button) return;
    button.setAttribute("aria-pressed", isPlaying);
    button.querySelector(".material-symbols-outlined").firstChild.data = isPlaying ? "pause" : "play_arrow";
  }

  function fill(audio, button) {
    if (!Number.isFinite(audio.duration)) return;
    const bar = button.querySelector(".clip-filling");
    if (!fillings.has(audio)) {
      const frames = { transform: ["scaleX(0)", "scaleX(1)"] };
      fillings.set(audio, bar.animate(frames, { duration: audio.duration * 1000, fill: "both" }));
      fillings.get(audio).pause();
    }
    fillings.get(audio).currentTime = audio.currentTime * 1000;
  }

  function rewind(audio) {
    const button = buttonOf(audio);
    if (!button) return;
    fillings.get(audio)?.cancel();
    fillings.delete(audio);
    write(button, button.querySelector(".clip-time").dataset.length);
  }

  document.addEventListener("click", (event) => {
    const player = event.target.closest("[data-player]");
    if (!player || !event.target.closest("button")) return;
    const audio = player.querySelector("audio");
    audio.paused ? audio.play().catch(() => audio.error && failed(audio)) : audio.pause();
  });

  function failed(audio) {
    const button = buttonOf(audio);
    if (button) write(button, "could not be played");
  }

  // Media events do not bubble, but they can be caught on their way down.
  document.addEventListener("play", (event) => {
    for (const other of document.querySelectorAll("audio")) {
      if (other === event.target || other.paused) continue;
      other.pause();
    }
    show(event.target, true);
  }, true);
  document.addEventListener("pause", (event) => show(event.target, false), true);
  document.addEventListener("ended", (event) => rewind(event.target), true);
  document.addEventListener("error", (event) => event.target.tagName === "AUDIO" && failed(event.target), true);
  document.addEventListener("timeupdate", (event) => {
    const button = buttonOf(event.target);
    if (!button || event.target.ended) return;
    write(button, clock(event.target.currentTime));
    fill(event.target, button);
  }, true);

  // --- the whole journey, one clip after the other, with the pauses that listeners have ---
  const GAP_MS = 1500;
  let whole = null; // what is played now: its button, and the clips still to come

  // Looked up when its turn comes: by then a fresh one may stand in its place.
  function playerAt({ row, voice }) {
    const players = [...(document.getElementById(row)?.querySelectorAll("[data-player]") ?? [])];
    return players.find((player) => player.querySelector(".clip-voice").textContent === voice);
  }

  function playNext() {
    const place = whole?.left.shift();
    if (!place) return stopWhole("That was all of it.");
    const player = playerAt(place);
    if (!player) return playNext();
    const number = whole.total - whole.left.length;
    tellWhole(`Clip ${number} of ${whole.total}`);
    whole.now = player.querySelector("audio");
    whole.now.currentTime = 0;
    whole.now.play().catch(() => stopWhole("It could not be played."));
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

  // --- what a text would be like, while it is written ---
  const ESTIMATE_MS = 400;
  const waiting = new WeakMap(); // the timer of each text
  const asked = new WeakMap(); // how often it was asked about

  document.addEventListener("input", (event) => {
    const text = event.target.closest("textarea[name$='text']");
    const place = (text?.closest(".narrative") ?? text?.form)?.querySelector("[data-estimate]");
    if (!place) return;
    clearTimeout(waiting.get(text));
    waiting.set(text, setTimeout(() => estimate(text, place), ESTIMATE_MS));
  });

  async function estimate(text, place) {
    const mine = (asked.get(text) ?? 0) + 1;
    asked.set(text, mine);
    const body = new FormData();
    body.append("text", text.value);
    body.append("csrfmiddlewaretoken", document.querySelector("[name=csrfmiddlewaretoken]").value);
    const answer = await fetch(place.dataset.estimate, { method: "POST", body }).catch(() => null);
    if (!answer?.ok || answer.redirected) return;
    const told = await answer.text();
    if (asked.get(text) === mine) place.innerHTML = told; // else somebody has gone on writing
  }

  // --- moving a narrative with its arrows, for those who do not drag ---
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

  // --- keeping "Being made" up to date ---
  async function refresh() {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const old of document.querySelectorAll("[data-fresh]")) {
      const fresh = page.getElementById(old.id);
      const isHeard = [...old.querySelectorAll("audio")].some((audio) => !audio.paused);
      if (fresh && !isHeard && old.innerHTML !== fresh.innerHTML) replace(old, fresh);
    }
    for (const deed of document.querySelectorAll("[data-while-under-way]")) {
      deed.closest("li").hidden = !page.querySelector("[data-while-under-way]");
    }
    document.dispatchEvent(new Event("clips-refreshed"));
  }

  // Who is on one of its buttons by keyboard stays there, or on the next one of the same voice.
  function replace(old, fresh) {
    const line = lines(old).findIndex((each) => each.contains(document.activeElement));
    const place = line < 0 ? -1 : controls(lines(old)[line]).indexOf(document.activeElement);
    old.innerHTML = fresh.innerHTML;
    if (place < 0) return;
    const there = controls(lines(old)[line] ?? old);
    (there[place] ?? there.at(-1))?.focus();
  }

  const controls = (part) => [...part.querySelectorAll("a[href], button")];

  function lines(part) {
    const items = [...part.querySelectorAll("li")];
    return items.length ? items : [part];
  }

  async function keepFresh() {
    if (!document.hidden && document.querySelector("[data-fresh] [data-unsettled]")) {
      await refresh().catch(() => {}); // the next round tries again
    }
    setTimeout(keepFresh, REFRESH_MS);
  }
  setTimeout(keepFresh, REFRESH_MS);
}
