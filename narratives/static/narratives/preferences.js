/**
 * What the page remembers. Preferences stay on this device and never hold a word that was said; what belongs to
 * the visit (the place, the answers, the replies) stays in this tab until it is closed or cleared.
 * A browser may forbid either store, or have no room; the page then remembers for as long as it is open.
 */
const PREFIX = "lifereview.";
const JOURNEY = `${PREFIX}${document.querySelector("[data-journey]").dataset.journey}.`;

export const preferences = memoryIn(() => window.localStorage, PREFIX);
export const visit = memoryIn(() => window.sessionStorage, JOURNEY); // one story's answers are not another's
export const tab = memoryIn(() => window.sessionStorage, PREFIX); // which story is taken in this tab

function memoryIn(store, prefix) {
  const unstored = new Map();

  function attempt(action, otherwise) {
    try {
      return action();
    } catch (error) {
      return otherwise;
    }
  }

  function get(name, fallback = "") {
    if (unstored.has(name)) return unstored.get(name);
    return attempt(() => store().getItem(prefix + name), "") || fallback;
  }

  /** Whether a reload would find it. */
  function set(name, value) {
    unstored.set(name, value);
    return attempt(() => {
      store().setItem(prefix + name, value);
      return unstored.delete(name);
    }, false);
  }

  /** Removes the names that begin like this. */
  function clear(beginning) {
    for (const name of [...unstored.keys()]) {
      if (name.startsWith(beginning)) unstored.delete(name);
    }
    remove(prefix + beginning);
  }

  /** Nothing of this page is left, whichever story it was. */
  function clearAll() {
    unstored.clear();
    remove(PREFIX);
  }

  function remove(beginning) {
    for (const name of attempt(() => Object.keys(store()), [])) {
      if (name.startsWith(beginning)) attempt(() => store().removeItem(name));
    }
  }

  const getAll = (name) => attempt(() => JSON.parse(get(name, "{}")), {});
  const setAll = (name, value) => set(name, JSON.stringify(value));
  return { get, set, clear, clearAll, getAll, setAll };
}
