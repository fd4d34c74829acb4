// Unfold draws some controls as elements that no keyboard reaches, and its icons are words that a screen reader
// says. This gives each such control a place in the tab order, a role and a name, and hides the icons.
{
  const ICON = ".material-symbols-outlined";
  const NATIVE = "a[href], button, input, select, textarea, label, summary";
  const NAMES = {
    arrow_back: "Back to the list",
    close: "Close",
    dock_to_right: "Menu",
    expand_more: "Show more",
    filter_list: "Filters",
    more_horiz: "More actions",
    more_vert: "More actions",
    search: "Search",
    unfold_more: "Your account",
    visibility: "Show the password",
    visibility_off: "Show the password",
  };

  const iconOf = (element) => (element.matches(ICON) ? element : element.querySelector(ICON));
  const words = (element) => {
    const copy = element.cloneNode(true);
    for (const icon of copy.querySelectorAll(ICON)) icon.remove();
    return element.matches(ICON) ? "" : copy.textContent.trim();
  };

  function hide(icon) {
    // An icon that is a control itself has a name instead, which is said in place of its word.
    if (!icon.hasAttribute("aria-hidden") && !icon.hasAttribute("x-on:click")) icon.setAttribute("aria-hidden", "true");
  }

  function name(control) {
    if (["aria-label", "aria-labelledby", "title"].some((given) => control.hasAttribute(given)) || words(control)) return;
    const icon = iconOf(control)?.textContent.trim();
    const own = control.id === "changelist-filter-close" ? "Close the filters" : NAMES[icon] ?? icon?.replaceAll("_", " ");
    if (own) control.setAttribute("aria-label", own);
  }

  function reach(control) {
    if (!control.matches(NATIVE) && !control.querySelector(NATIVE) && !control.hasAttribute("tabindex")) {
      control.tabIndex = 0;
      control.setAttribute("role", "button");
    }
    if (control.matches('a[href="#"]')) control.setAttribute("role", "button");
    name(control);
  }

  // simplebar calls each part that scrolls "scrollable content"; there are two on a list with its filters open.
  function nameScrolling(part) {
    part.setAttribute("aria-label", part.closest("#nav-sidebar") ? "Menu" : part.closest("#changelist-filter") ? "Filters" : "More");
  }

  function mend(part) {
    const found = (selector) => [...(part.matches(selector) ? [part] : []), ...part.querySelectorAll(selector)];
    found(ICON).forEach(hide);
    found("[x-on\\:click]").forEach(reach);
    found("a[href], button").forEach(name);
    found(".simplebar-content-wrapper").forEach(nameScrolling);
  }

  // Once all is there: while a page arrives, a button may have its icon and not yet its words.
  document.addEventListener("DOMContentLoaded", () => {
    mend(document.body);
    // Also what htmx and Alpine add later.
    new MutationObserver((changes) => {
      for (const { addedNodes } of changes) {
        for (const node of addedNodes) if (node instanceof Element) mend(node);
      }
    }).observe(document.documentElement, { childList: true, subtree: true });
  });

  // Unfold's frame has no landmarks, by which people who use a screen reader find what a page is about.
  document.addEventListener("DOMContentLoaded", () => {
    const frame = document.getElementById("main") ?? document.getElementById("page");
    if (document.querySelector("main")) document.getElementById("header-inner")?.setAttribute("role", "banner");
    else frame?.setAttribute("role", "main");
  });

  const isOurs = (element) => element instanceof Element && element.matches('[x-on\\:click][role="button"]:not(a[href])');

  document.addEventListener("keydown", (event) => {
    if (!isOurs(event.target) || (event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault(); // the space bar would scroll
    event.target.click();
  });

  // --- the filters of a list: the keyboard follows into them, and back out ---
  const OPENER = '[x-on\\:click="filterOpen = true"]';
  const panel = () => document.getElementById("changelist-filter");

  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    if (target?.closest(OPENER)) {
      setTimeout(() => panel()?.querySelector("a[href], input:not([type=hidden]), select, button")?.focus());
    } else if (target?.id === "changelist-filter-close") {
      document.querySelector(OPENER)?.focus();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && panel()?.contains(document.activeElement)) document.querySelector(OPENER)?.focus();
  });
}
