"""Every staff page in a real browser: accessible, and usable on a phone, a tablet and a desktop.

With TEST_SHOTS=folder it leaves a picture of each page there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from harness.demo_figures import seed
from harness.reach import obstacles
from narratives import publishing
from narratives.content.loading import load_shipped_content
from narratives.models import BankReflection, Journey, Narrative, Pronunciation
from ttscache.models import Alert, Clip, PruneRun, WarmItem, WarmRun
from ttscache.speech import VoiceRendition
from ttscache.warming import rendition_switch
from ttscache.warming.settings_changes import follow_settings

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database, pytest.mark.timeout(900)]

SIZES = {
    "phone": (390, 844),
    "phone landscape": (844, 390),
    "tablet": (820, 1180),
    "desktop": (1440, 900),
}
LOOKS = {f"{name}, {theme}": (size, theme) for name, size in SIZES.items() for theme in ("light", "dark")}
EVERY_DAY = "phone, dark"  # the narrowest window, in the dark theme, which people check least
MOST_PIXELS = 1_600  # of a picture's height
SHOTS = os.environ.get("TEST_SHOTS", "")
JOURNEY = "/admin/narratives/journey/{journey}/"
PAGES = {
    "dashboard": "/admin/",
    "journeys": "/admin/narratives/journey/",
    "editor": JOURNEY + "change/",
    "new journey": "/admin/narratives/journey/add/",
    "versions": JOURNEY + "versions/",
    "back to a version": JOURNEY + "versions/1/restore/",
    "publish": JOURNEY + "publish/",
    "publish anyway": JOURNEY + "waiting/anyway/",
    "take it back": JOURNEY + "waiting/withdraw/",
    "make": JOURNEY + "make/",
    "import": JOURNEY + "import/",
    "narratives": "/admin/narratives/narrative/",
    "narrative": "/admin/narratives/narrative/{narrative}/change/",
    "new narrative": "/admin/narratives/narrative/add/",
    "lexicon": "/admin/narratives/pronunciation/",
    "entry": "/admin/narratives/pronunciation/{entry}/change/",
    "delete an entry": "/admin/narratives/pronunciation/{entry}/delete/",
    "bank": "/admin/narratives/bankreflection/",
    "reflection": "/admin/narratives/bankreflection/{reflection}/change/",
    "new reflection": "/admin/narratives/bankreflection/add/",
    "voices": "/admin/ttscache/rendition/",
    "who plays a voice": "/admin/ttscache/rendition/nova/candidates/",
    "choose a voice": "/admin/ttscache/rendition/nova/choose/?model=tts-1&by=sage",
    "clips": "/admin/ttscache/clip/",
    "clip": "/admin/ttscache/clip/{clip}/change/",
    "stale": "/admin/ttscache/clip/stale/",
    "warm runs": "/admin/ttscache/warmrun/",
    "warm run": "/admin/ttscache/warmrun/{run}/change/",
    "prune runs": "/admin/ttscache/prunerun/",
    "prune run": "/admin/ttscache/prunerun/{prune}/change/",
    "alerts": "/admin/ttscache/alert/",
    "alert": "/admin/ttscache/alert/{alert}/change/",
}
FURTHER_PAGES = {
    "dashboard of a year, by money": "/admin/?range=365d&view=money",
    "preview": JOURNEY + "preview/",
    "allowance": "/admin/narratives/journey/allowance/",
    "new entry": "/admin/narratives/pronunciation/add/",
    "hear a word": "/admin/narratives/pronunciation/hear/?word=Nguyen&say_as=Win&voice=nova",
    "offered reflections": "/admin/narratives/offeredreflection/",
    "usage": "/admin/ttscache/usage/",
    "time to sound": "/admin/ttscache/playbackstart/",
    "spending": "/admin/ttscache/spending/",
    "scheduled tasks": "/admin/django_q/schedule/",
    "queued tasks": "/admin/django_q/ormq/",
    "failed tasks": "/admin/django_q/failure/",
    "done tasks": "/admin/django_q/success/",
    "staff": "/admin/auth/user/",
    "new colleague": "/admin/auth/user/add/",
    "colleague": "/admin/auth/user/{user}/change/",
    "groups": "/admin/auth/group/",
    "tokens": "/admin/ttscache/apitoken/",
    "new token": "/admin/ttscache/apitoken/add/",
    "my settings": "/admin/my-settings",
    "second factor": "/admin/second-factor",
    "forgotten password": "/admin/password/",
}


@pytest.fixture(
    params=[
        pytest.param(each, marks=() if each == EVERY_DAY else pytest.mark.long, id=each) for each in LOOKS
    ]
)
def look(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def page(browser: Browser, live_server: Any, admin_client: Any, look: str) -> Iterator[Page]:
    (width, height), theme = LOOKS[look]
    context = browser.new_context(
        base_url=live_server.url,
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
    )
    cookie = admin_client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    page = context.new_page()
    yield page
    context.close()


@pytest.fixture
def ids(settings: Any) -> dict[str, Any]:
    """A journey with clips made, failed and missing, with drafts, and with a waiting version."""
    settings.TTSCACHE = {
        **settings.TTSCACHE,
        "provider": "openai",
        "openai_api_key": "sk-test",
        "has_demo_data": True,
    }
    now = timezone.now()
    load_shipped_content()
    journey = Journey.objects.get(is_default=True)
    Clip.objects.filter(content_type="narrative").update(
        stored_at=now,
        checksum="0123456789abcdef",
        duration_ms=7_000,
        stored_size=9_000,
        audio_file_size=9_000,
    )
    drafts = list(journey.narratives.filter(kind=Narrative.Kind.QUESTION)[:3])
    for draft in drafts:
        draft.text += " Dr. Nguyen may know."
        draft.save(update_fields=["text"])
    publishing.publish(drafts[:1], requested_by="ana")
    entry = Pronunciation.objects.create(word="Nguyen", say_as="Win")
    publishing.sync_pins()
    run = WarmRun.objects.filter(items__isnull=False).latest("created_at")
    WarmItem.objects.filter(pk=run.items.earliest("pk").pk).update(
        state="failed", reason="The voice service was busy.", finished_at=now
    )
    old = Clip.objects.filter(content_type="analysis").order_by("pk")
    Clip.objects.filter(pk__in=[each.pk for each in old[:2]]).update(
        last_accessed_at=now - timedelta(days=200)
    )
    follow_settings()
    sage = VoiceRendition(provider="openai", model="tts-1-hd", voice="sage")
    rendition_switch.request_rendition("nova", sage, requested_by="ana")
    seed(8)
    prune = PruneRun.objects.create(days=90, state="done", listed=3, removed=3, freed_bytes=30_000)
    alert = Alert.objects.create(kind="coverage", says="30 of 34 are there.", since=now, due_at=now)
    cache.clear()
    return {
        "journey": journey.pk,
        "narrative": drafts[1].pk,
        "entry": entry.pk,
        "reflection": BankReflection.objects.earliest("pk").pk,
        "clip": Clip.objects.filter(content_type="narrative").earliest("created_at").pk,
        "run": run.pk,
        "prune": prune.pk,
        "alert": alert.pk,
        "user": User.objects.earliest("pk").pk,
    }


def problems(page: Page, look: str, name: str) -> dict[str, list[str]]:
    if SHOTS:
        folder = Path(SHOTS) / look.replace(", ", "-").replace(" ", "-")
        folder.mkdir(parents=True, exist_ok=True)
        width, height = LOOKS[look][0]
        page.screenshot(
            path=folder / f"{name.replace(', ', '-').replace(' ', '-')}.png",
            full_page=True,
            clip={"x": 0, "y": 0, "width": width, "height": max(height, MOST_PIXELS)},
        )
    return obstacles(page, minor=True, is_brief=look == EVERY_DAY)


def preview_of_an_entry(page: Page) -> None:
    page.goto("/admin/narratives/pronunciation/add/")
    page.get_by_label("Word", exact=False).first.fill("childhood")
    page.get_by_label("Say as", exact=False).first.fill("chyle-hood")
    page.get_by_role("button", name="Save").first.click()
    expect(page.get_by_text("The text on screen does not change.")).to_be_visible()


def preview_of_a_file(page: Page, journey: int, folder: Path) -> None:
    answer = page.request.get(f"/admin/narratives/journey/{journey}/export-json/")
    file = folder / "journey.json"
    file.write_text(re.sub(r"Where It Began", "Where it all began", answer.text()))
    page.goto(f"/admin/narratives/journey/{journey}/import/")
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Show the changes").click()
    expect(page.get_by_text("Where it all began").first).to_be_visible()


def refused_file(page: Page, journey: int, folder: Path) -> None:
    file = folder / "journey.csv"
    file.write_text("title,text\nA title,A text\n")
    page.goto(f"/admin/narratives/journey/{journey}/import/")
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Show the changes").click()
    expect(page.get_by_text("Nothing was imported, and nothing has changed.")).to_be_visible()
    expect(page.get_by_role("link", name="Choose another file")).to_be_visible()


def seen(
    page: Page, look: str, pages: dict[str, str], ids: dict[str, Any]
) -> dict[str, dict[str, list[str]]]:
    """The problems of each page."""
    found: dict[str, dict[str, list[str]]] = {}
    for name, address in pages.items():
        answer = page.goto(address.format(**ids))
        assert answer is not None
        if answer.status != 200 or answer.request.redirected_from is not None:
            found[name] = {"not there": [f"{answer.status} at {page.url}"]}
        else:
            found[name] = problems(page, look, name)
    return found


def in_lines(found: dict[str, dict[str, list[str]]]) -> str:
    return "\n".join(
        f"{name}, {kind}: {each}" for name, kinds in found.items() for kind in kinds for each in kinds[kind]
    )


def test_staff_pages_have_no_violation_fit_the_window_and_have_every_control_in_reach(
    page: Page, look: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    cache.clear()
    page.goto("/admin/")
    expect(page.get_by_text("Nobody has listened yet")).to_be_visible()
    found = {"dashboard, empty": problems(page, look, "dashboard, empty")}
    ids = request.getfixturevalue("ids")
    found |= seen(page, look, PAGES, ids)
    preview_of_an_entry(page)
    found["preview of an entry"] = problems(page, look, "preview of an entry")
    preview_of_a_file(page, ids["journey"], tmp_path)
    found["preview of a file"] = problems(page, look, "preview of a file")
    refused_file(page, ids["journey"], tmp_path)
    found["refused file"] = problems(page, look, "refused file")
    assert not in_lines(found)


@pytest.mark.long
def test_figures_tasks_and_access_have_no_violation_fit_the_window_and_have_every_control_in_reach(
    page: Page, look: str, ids: dict[str, Any]
) -> None:
    found = seen(page, look, FURTHER_PAGES, ids)
    assert not in_lines(found)


# --- what staff do, at every size and in both themes ------------------------------------------------------
def choose_a_theme(page: Page, ids: dict[str, Any]) -> None:
    for address, theme in (("narrative/{narrative}/change/", "work"), ("bankreflection/add/", "family")):
        page.goto("/admin/narratives/" + address.format(**ids))
        section = page.locator("summary, [x-on\\:click]", has_text=re.compile(r"^\s*More\s*"))
        if not page.locator("select[name=theme]").is_visible():
            section.first.click()
        field = page.locator("select[name=theme]")
        offered = field.locator("option").evaluate_all("all => all.map((each) => each.value)")
        chosen = theme if theme in offered else offered[-1]
        field.select_option(chosen)
        expect(field).to_have_value(chosen)
        expect(page.locator("input[type=text][name=theme]")).to_have_count(0)
        save = page.locator("#submit-row button[name=_save]")
        expect(save).to_be_in_viewport(ratio=1)


def hear_a_word_before_it_is_saved(page: Page, look: str) -> dict[str, list[str]]:
    page.goto("/admin/narratives/pronunciation/add/")
    page.get_by_label("Word", exact=False).first.fill("Siobhan")
    page.get_by_label("Say as", exact=False).first.fill("Shivawn")
    with page.expect_popup() as opened:
        page.get_by_role("button", name="Hear it").click()
    expect(opened.value.get_by_text("1 clip is missing: 7 characters").first).to_be_visible()
    found = problems(opened.value, look, "price of a word")
    opened.value.close()
    expect(page.get_by_label("Say as", exact=False).first).to_have_value("Shivawn")
    assert not Pronunciation.objects.filter(word="Siobhan").exists()
    return found


@pytest.mark.long
def test_staff_choose_a_theme_hear_a_word_and_see_the_preview_and_demo_figures_at_every_size(
    page: Page, look: str, ids: dict[str, Any]
) -> None:
    choose_a_theme(page, ids)
    found = {"price of a word": hear_a_word_before_it_is_saved(page, look)}
    page.goto("/admin/ttscache/clip/?content_type=question")
    cells = page.locator("td.field-last_requested").all_inner_texts()
    assert cells
    assert not [cell for cell in cells if re.search(r"\d", cell)], "made ahead, and nobody asked for one"
    page.goto(JOURNEY.format(**ids) + "preview/")
    expect(page.get_by_text("Previewing costs nothing.")).to_be_visible()
    expect(page.get_by_role("button", name="Begin", exact=True)).to_be_visible()
    page.goto("/admin/")
    expect(page.get_by_text(re.compile(r"[\d,]+ requests \(demo data\)")).first).to_be_visible()
    assert not in_lines(found)


@pytest.mark.long
def test_save_is_in_reach_and_never_below_delete_at_every_size(page: Page, ids: dict[str, Any]) -> None:
    for name in ("editor", "narrative", "entry", "reflection", "colleague"):
        page.goto((PAGES | FURTHER_PAGES)[name].format(**ids))
        page.wait_for_function("window.Alpine !== undefined")
        save = page.locator("#submit-row button[name=_save]")
        expect(save).to_be_in_viewport(ratio=1)
        page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
        expect(save).to_be_in_viewport(ratio=1)
        delete = page.locator("#submit-row a[href*=delete]")
        if delete.count():
            places = [each.bounding_box() for each in (save, delete.first)]
            assert places[0] and places[1], name
            # On a desktop they stand in one row.
            assert places[1]["y"] >= places[0]["y"] - 4, name
