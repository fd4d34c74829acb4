"""A walk through a journey's editor in a browser: delete, undo, reorder, publish, go back, preview."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from harness import http
from harness.axe import serious
from harness.optional import skipped_when_unavailable
from harness.site import WebServer
from harness.staff_browser import PASSWORD, hire

pytestmark = [pytest.mark.site, pytest.mark.any_database]

TREMOR_MS = 500  # the page takes a second press within 400 ms for a tremor
PREPARE = """
from django.core.management import call_command
from narratives import publishing
from narratives.models import Journey, Narrative
journey = Journey.objects.create(pk=1, slug="ours", title="Ours", is_live=True, is_default=True)
texts = [("intro", "Welcome."), ("question", "Where?"), ("question", "When?"), ("outro", "Thank you.")]
for place, (kind, text) in enumerate(texts):
    Narrative.objects.create(
        journey=journey, kind=kind, slug=f"text-{place}", title=text, text=text, position=place
    )
publishing.publish(journey.narratives.all())
call_command("warm")
"""


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory,
    with_static_files: Callable[[Path], None],
    with_tables: Callable[[Path], None],
) -> Iterator[WebServer]:
    var_dir = tmp_path_factory.mktemp("editor") / "var"
    with_static_files(var_dir)
    with_tables(var_dir)
    site = WebServer(var_dir, {"WEB_WORKERS": "1"})
    site.is_prepared = True
    site.manage("shell", "--verbosity", "0", "-c", PREPARE, check=True)
    hire(site, ana="")
    with site:
        yield site


@pytest.fixture(
    params=[
        pytest.param((1440, "light"), id="desk-light", marks=pytest.mark.long),
        pytest.param((390, "dark"), id="phone-dark"),
    ]
)
def page(request: pytest.FixtureRequest, site: WebServer, browser: Browser) -> Iterator[Page]:
    """A signed-in page in the editor of the journey."""
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{site.url}/admin/login/?next=/admin/narratives/journey/1/change/")
    page.fill("[name=username]", "ana")
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Save draft and stay")).to_be_visible()
    yield page
    context.close()


def heard(site: WebServer) -> list[str]:
    """Return the texts that listeners get, in order."""
    return [one["text"] for one in http.get(f"{site.url}/api/narratives").json()["narratives"]]


def save(page: Page) -> None:
    page.get_by_role("button", name="Save draft and stay").press("Enter")
    expect(page.get_by_text("was changed successfully")).to_be_visible()


def publish(page: Page) -> None:
    page.get_by_role("button", name="Save and publish").press("Enter")
    expect(page.get_by_text("Listeners have it now.")).to_be_visible()


def test_a_text_can_be_deleted_and_restored_by_keyboard(page: Page, site: WebServer) -> None:
    before = heard(site)
    page.get_by_label("Delete: Where?").press("Space")
    save(page)
    expect(page.get_by_text("“Where?” is deleted in the draft.")).to_be_visible()
    assert heard(site) == before
    page.get_by_role("button", name="Undo").press("Enter")
    expect(page.get_by_text("“Where?” is back.")).to_be_visible()
    expect(page.locator("#journey-standing")).not_to_contain_text("Draft with changes")


def test_arrow_buttons_change_the_order_by_keyboard(page: Page, site: WebServer) -> None:
    before = heard(site)
    first, second = before[1:3]
    page.get_by_role("button", name=f"Move down: {first}").press("Enter")
    expect(page.locator("[data-moved]")).to_have_text(f"{first} is now number 3 of 4.")
    save(page)
    expect(page.locator("#journey-standing")).to_contain_text("Draft with changes")
    assert heard(site) == before
    publish(page)
    assert heard(site)[1:3] == [second, first]


def test_dragging_a_row_changes_the_order(page: Page, site: WebServer) -> None:
    first, second = heard(site)[1:3]
    handles = page.locator(".narratives .original .narrative-handle")
    handles.nth(2).scroll_into_view_if_needed()
    handles.nth(2).drag_to(handles.nth(1), target_position={"x": 4, "y": 2})
    expect(page.locator(".narratives .original .narrative-title input").nth(1)).to_have_value(second)
    save(page)
    publish(page)
    assert heard(site)[1:3] == [second, first]


def test_a_publish_switches_all_of_a_draft_and_version_one_brings_all_of_it_back(
    page: Page, site: WebServer
) -> None:
    before = heard(site)
    page.get_by_role("button", name="Move up: Thank you.").press("Enter")
    page.get_by_label("Delete: Where?").press("Space")
    save(page)
    assert heard(site) == before
    page.goto(f"{site.url}/admin/narratives/journey/1/publish/")
    changes = page.locator(".confirm-list")
    expect(changes).to_contain_text("Removed")
    expect(changes).to_contain_text("Moved")
    page.get_by_role("button", name="Publish", exact=True).press("Enter")
    expect(page.get_by_text("1 text is removed, 1 text moves.")).to_be_visible()
    assert "Where?" not in heard(site)
    assert heard(site) != before

    page.goto(f"{site.url}/admin/narratives/journey/1/versions/")
    expect(page.locator("#version-1")).to_be_visible()
    page.get_by_role("link", name="Go back to version 1", exact=True).press("Enter")
    expect(page.locator(".confirm-list")).to_contain_text("Comes back")
    page.get_by_role("button", name="Change the draft").press("Enter")
    expect(page.get_by_text("1 deleted text is back.")).to_be_visible()
    assert "Where?" not in heard(site)
    publish(page)
    assert heard(site) == ["Welcome.", "Where?", "When?", "Thank you."]


def test_deleting_and_ordering_have_no_serious_accessibility_violation(page: Page, site: WebServer) -> None:
    page.get_by_label("Delete: Thank you.").press("Space")
    save(page)
    with skipped_when_unavailable():
        assert serious(page) == []
        page.get_by_role("button", name="Undo").click()
        for address in ("journey/1/preview/", "narrative/?deleted=yes", "journey/1/duplicate/"):
            page.goto(f"{site.url}/admin/narratives/{address}")
            assert serious(page) == []


def step(page: Page, name: str) -> None:
    """Press a button of the listener's page, later than what it takes for a tremor."""
    page.wait_for_timeout(TREMOR_MS)
    page.get_by_role("button", name=name, exact=True).click()


def test_the_preview_is_walked_like_the_page_of_listeners_and_sends_nothing(
    page: Page, site: WebServer
) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method != "GET" else None)
    page.goto(f"{site.url}/admin/narratives/journey/1/preview/")
    expect(page.get_by_text("Previewing costs nothing.")).to_be_visible()
    step(page, "Begin")
    step(page, "I agree, continue")
    page.get_by_role("radio", name="A man's voice").check()
    step(page, "I can hear it")
    page.wait_for_function("document.querySelector('audio').currentTime > 0.1")
    step(page, "Continue")
    page.get_by_role("textbox", name="Your answer").fill("In a house by the sea.")
    step(page, "Save and continue")
    expect(page.get_by_role("heading", name="A few words about your answer")).to_be_visible()
    expect(page.locator("[data-reply-words]")).not_to_be_empty()
    assert sent == []
