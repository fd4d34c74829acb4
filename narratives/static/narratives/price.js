// The price on the button that saves and makes: told anew whenever the words change. The server goes ahead at a
// press only up to the price that was shown, so what is not sent here is asked about on a page of its own.
const PAUSE_MS = 400;
const label = document.querySelector("[data-price]");
const form = label?.closest("button").form;

if (form) {
  const words = label.firstChild; // a text node: Unfold's form watcher looks for changed elements
  const plain = words.data;
  let shownUsd = null;
  let timer;
  let round = 0;

  function forget() {
    words.data = plain;
    shownUsd = null;
    round += 1;
    clearTimeout(timer);
  }

  async function tell() {
    const mine = ++round;
    const body = new FormData(form);
    const answer = await fetch(label.dataset.price, { method: "POST", body }).catch(() => null);
    if (!answer?.ok || answer.redirected) return;
    const { says, usd } = await answer.json();
    if (mine !== round) return; // somebody has gone on writing
    words.data = `${plain}: ${says}`;
    shownUsd = usd;
  }

  function tellSoon() {
    forget();
    timer = setTimeout(tell, PAUSE_MS);
  }

  form.addEventListener("input", tellSoon);
  form.addEventListener("formdata", ({ formData }) => {
    if (shownUsd !== null) formData.set("shown_usd", shownUsd);
  });
  document.addEventListener("clips-refreshed", tell); // some may have been made meanwhile
  tell();
}
