// Plays one clip at a time on staff pages, and refreshes parts of a page while clips are being made.
// Unfold's form watcher takes changed attributes for edits, so this changes none while a clip plays.
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

  // Media events do not bubble, so these listeners use the capture phase.
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
    for (const link of document.querySelectorAll("[data-while-under-way]")) {
      link.closest("li").hidden = !page.querySelector("[data-while-under-way]");
    }
    document.dispatchEvent(new Event("clips-refreshed"));
  }

  // Keeps the keyboard focus on the button that had it, or on the last one of the same line.
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

  // --- charts: the value under the pointer, or of the step that the arrow keys have chosen ---
  const chosen = new WeakMap();

  function read(plot, place) {
    const readouts = JSON.parse(plot.dataset.readouts);
    const step = Math.min(Math.max(place, 0), readouts.length - 1);
    chosen.set(plot, step);
    const cursor = plot.querySelector(".dash-cursor");
    cursor.style.display = "block";
    cursor.style.left = `${((step + 0.5) * 100) / readouts.length}%`;
    plot.querySelector(".dash-readout").textContent = readouts[step];
  }

  function stopReading(plot) {
    plot.querySelector(".dash-cursor").style.display = "none";
    plot.querySelector(".dash-readout").textContent = "";
  }

  const plotOf = (event) => (event.target instanceof Element ? event.target.closest("[data-readouts]") : null);

  function place(dates) {
    for (const date of dates) date.style.left = `${date.dataset.at}%`;
  }
  const placeAll = () => place(document.querySelectorAll(".dash-dates span"));
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", placeAll);
  else placeAll();

  document.addEventListener("pointermove", (event) => {
    const plot = plotOf(event);
    if (!plot) return;
    const box = plot.getBoundingClientRect();
    read(plot, Math.floor(((event.clientX - box.left) / box.width) * JSON.parse(plot.dataset.readouts).length));
  });
  document.addEventListener("pointerout", (event) => {
    const plot = plotOf(event);
    if (plot && !plot.contains(event.relatedTarget) && plot !== document.activeElement) stopReading(plot);
  });
  document.addEventListener("focusin", (event) => {
    const plot = plotOf(event);
    if (plot) read(plot, chosen.get(plot) ?? Infinity);
  });
  document.addEventListener("focusout", (event) => {
    const plot = plotOf(event);
    if (plot) stopReading(plot);
  });
  document.addEventListener("keydown", (event) => {
    const plot = plotOf(event);
    const moves = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
    if (!plot || !(event.key in moves)) return;
    event.preventDefault();
    read(plot, (chosen.get(plot) ?? 0) + moves[event.key]);
  });
}
