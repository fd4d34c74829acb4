// Keeps the price on the button "Save and make audio" up to date while somebody writes. The form sends back the
// price that was shown; if the real price is higher, the server asks on a page of its own before it makes anything.
const PAUSE_MS = 400;
const label = document.querySelector("[data-price]");
const form = label?.closest("button").form;

if (form) {
  const words = label.firstChild; // change the text node: Unfold's form watcher reacts to changed elements
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
    if (mine !== round) return; // a newer request is under way
    words.data = says;
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
  document.addEventListener("clips-refreshed", tell); // clips made meanwhile lower the price
  tell();
}
