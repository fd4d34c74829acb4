/**
 * What the page remembers: preferences on this device, the place in this tab. Never a word that was said.
 * A browser may forbid either store; the page then works without a memory.
 */

export const preferences = memoryIn(() => window.localStorage);
export const visit = memoryIn(() => window.sessionStorage);

function memoryIn(store) {
  return {
    get(name, fallback) {
      try {
        return store().getItem(`lifereview.${name}`) || fallback;
      } catch (error) {
        return fallback;
      }
    },
    set(name, value) {
      try {
        store().setItem(`lifereview.${name}`, value);
      } catch (error) {
        // Private windows and full disks: nothing is remembered.
      }
    },
  };
}
