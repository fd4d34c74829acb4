/** Milliseconds that somebody waited with the page before their eyes; what is measured behind it tells nothing. */
export function createStopwatch() {
  let since = null;

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) since = null;
  });

  return {
    start: () => { since = document.hidden ? null : performance.now(); },
    forget: () => { since = null; },
    /** Null unless it was running. */
    stop() {
      const waited = since === null ? null : performance.now() - since;
      since = null;
      return waited;
    },
  };
}
