"""Finds obstacles to people who use a page by keyboard, with a screen reader, or on a small screen."""

from __future__ import annotations

from playwright.sync_api import Page

from harness.axe import axe_findings, serious

SPOKEN_ICONS = """() => [...document.querySelectorAll(".material-symbols-outlined")]
  .filter((icon) => !icon.closest("[aria-hidden=true]") && !icon.closest("[aria-label]"))
  .map((icon) => icon.textContent.trim())"""
OUT_OF_REACH = """() => [...document.querySelectorAll("[x-on\\\\:click], [onclick]")]
  .filter((control) => control.checkVisibility() && control.tabIndex < 0)
  .filter((control) => !control.querySelector("a[href], button, input, [tabindex]"))
  .map((control) => control.outerHTML.slice(0, 120))"""
NAMELESS = """() => [...document.querySelectorAll("a[href], button, [role=button]")]
  .filter((control) => control.checkVisibility() && !control.textContent.trim())
  .filter((control) => !control.ariaLabel && !control.title)
  .filter((control) => !control.querySelector("[title], [aria-label]"))
  .map((control) => control.outerHTML.slice(0, 120))"""
WIDER = """() => document.documentElement.scrollWidth > document.documentElement.clientWidth + 1
  ? [`${document.documentElement.scrollWidth} px in ${document.documentElement.clientWidth}`] : []"""
# A control beyond the edge is fine where its part of the page scrolls sideways, as a wide table does.
CUT_OFF = """() => {
  const scrolls = (element) => element &&
    (["auto", "scroll"].includes(getComputedStyle(element).overflowX) || scrolls(element.parentElement));
  const isShown = (control) => control.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const controls = "a[href], button, input:not([type=hidden]), select, textarea";
  return [...(document.querySelector("#main, main") ?? document).querySelectorAll(controls)]
    .filter((control) => isShown(control) && control.getBoundingClientRect().width > 2)
    .filter((control) => {
      const { left, right } = control.getBoundingClientRect();
      return (right > innerWidth + 1 || left < -1) && !scrolls(control.parentElement);
    })
    .map((control) => control.outerHTML.slice(0, 120));
}"""
SAVE_OUT_OF_SIGHT = """() => [...document.querySelectorAll("#submit-row button[name=_save]")]
  .filter((save) => {
    const { top, bottom } = save.getBoundingClientRect();
    return top < 0 || bottom > innerHeight + 1;
  })
  .map((save) => save.textContent.trim())"""

NOT_LOADED = """() => performance.getEntriesByType("resource")
  .filter((loaded) => loaded.responseStatus >= 400)
  .map((loaded) => `${loaded.responseStatus} ${loaded.name}`)"""

LOOKS = {
    "not loaded": NOT_LOADED,
    "spoken icons": SPOKEN_ICONS,
    "out of reach": OUT_OF_REACH,
    "nameless": NAMELESS,
    "wider than the window": WIDER,
    "cut off": CUT_OFF,
    "save out of sight": SAVE_OUT_OF_SIGHT,
}


def obstacles(page: Page, *, minor: bool = False, is_brief: bool = False) -> dict[str, list[str]]:
    """The findings by kind, those of axe among them. `minor`: also its lesser ones. Raises Unavailable.

    `is_brief`: with `minor`, axe sees only the first few of many neighbours that look the same.
    """
    page.wait_for_function("window.Alpine !== undefined || !document.querySelector('[x-data]')")
    page.wait_for_function("document.querySelector('main, [role=main]') !== null")  # reachable.js is through
    found = {name: page.evaluate(look) for name, look in LOOKS.items()}
    found["axe"] = axe_findings(page, is_brief=is_brief) if minor else serious(page)
    return {name: each for name, each in found.items() if each}
