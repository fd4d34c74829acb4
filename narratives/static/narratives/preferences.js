/**
 * What the page remembers. Preferences stay on this device and never hold a word that was said; what belongs to
 * the visit (the place, the answers, the replies) stays in this tab until it is closed or cleared.
 * A browser may forbid either store; the page then works without a memory.
 */
const PREFIX = "lifereview.";

export const preferences = memoryIn(() => window.localStorage);
export const visit = memoryIn(() => window.sessionStorage);

function memoryIn(store) {
  const get = (name, fallback = "") => {
    try {
      return store().getItem(PREFIX + name) || fallback;
    } catch (error) {
      return fallback;
    }
  };
  /** Whether it is kept: private windows and full stores keep nothing. */
  const set = (name, value) => {
    try {
      store().setItem(PREFIX + name, value);
      return true;
    } catch (error) {
      return false;
    }
  };
  const names = () => {
    try {
      return Object.keys(store()).filter((name) => name.startsWith(PREFIX));
    } catch (error) {
      return [];
    }
  };
  /** Removes all of it, or only the names that begin like this. */
  const clear = (beginning = "") => {
    for (const name of names()) {
      if (name.startsWith(PREFIX + beginning)) store().removeItem(name);
    }
  };
  const getAll = (name) => JSON.parse(get(name, "{}"));
  return { get, set, clear, getAll, setAll: (name, value) => set(name, JSON.stringify(value)) };
}
