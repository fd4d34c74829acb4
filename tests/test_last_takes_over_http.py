"""Last takes on a whole site: staff press the button, the cluster makes them, and the bill is right."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from harness.caller import Caller
from harness.openai_server import OpenAIServer
from harness.site import MakeSite, Site
from harness.site_data import default_journey, new_token, query, ready_clips
from harness.staff_session import StaffSession
from harness.waiting import wait_until

pytestmark = [pytest.mark.site, pytest.mark.long_on_postgresql, pytest.mark.timeout(300)]

CLIPS_OF_THE_JOURNEY = 2 * 17  # in both voices; made at the first start
DRAFT = "Which draft was never published before its voice was switched off?"
USD_A_CHARACTER = 30 / 1e6
LAST_TAKES = "/admin/ttscache/clip/last-takes/"
VOICES = "/admin/ttscache/rendition/"


@pytest.fixture(scope="module")
def site(make_site: MakeSite, running_openai: OpenAIServer) -> Iterator[Site]:
    """Its model is switched off in twenty days; all that is published is made."""
    running_openai.reset()
    day = (datetime.now(UTC) + timedelta(days=20)).date()
    with make_site(Site, TTS_MODEL="tts-1-hd", TTS_MODEL_SHUTDOWN=f"tts-1-hd={day}") as site:
        wait_until(lambda: ready_clips(site) == CLIPS_OF_THE_JOURNEY, "the journey's clips", seconds=120)
        draft = {"journey": default_journey(site), "title": "Draft", "kind": "question", "text": DRAFT}
        added = StaffSession.begin(site, "eve").send("/admin/narratives/narrative/add/", draft)
        assert added.status == 302, added.status
        yield site
    running_openai.reset()


def spent_usd(site: Site) -> float:
    ((microusd,),) = query(site, "SELECT coalesce(sum(cost_microusd), 0) FROM ttscache_spending")
    return int(microusd) / 1e6


def test_the_button_has_every_last_take_made_and_the_ledger_is_what_the_provider_bills(
    site: Site, running_openai: OpenAIServer
) -> None:
    before = len(running_openai.calls())
    staff = StaffSession.begin(site)
    assert f'href="{LAST_TAKES}"' in staff.get(VOICES)
    assert "20 days left" in staff.get(VOICES)
    answer = staff.say_yes(LAST_TAKES)
    assert (answer.status, answer.headers["Location"]) == (302, "/admin/")

    def run() -> tuple[object, ...]:
        sql = "SELECT state, requested_by FROM ttscache_warmrun WHERE scope = %s"
        return query(site, sql, "last-takes:tts-1-hd")[0]

    wait_until(lambda: run()[0] not in ("queued", "running"), "the end of the run", seconds=120)
    assert run() == ("done", "ana")
    made = running_openai.calls()[before:]
    assert {(call.text, call.voice) for call in made} >= {(DRAFT, "nova"), (DRAFT, "onyx")}
    assert len({(call.text, call.voice) for call in made}) == len(made), "nothing is paid for twice"

    missing = query(site, "SELECT count(*) FROM ttscache_warmitem WHERE state NOT IN ('done', 'skipped')")
    assert missing == [(0,)]
    bill = sum(len(call.text) for call in running_openai.calls()) * USD_A_CHARACTER
    wait_until(lambda: abs(spent_usd(site) - bill) < 0.00001, "the figures of all processes", seconds=15)
    assert Caller(site, new_token(site)).get("/api/cache-stats").json()["spent_usd"] == pytest.approx(bill)


def test_a_second_press_says_that_every_last_take_is_there(site: Site, running_openai: OpenAIServer) -> None:
    calls = len(running_openai.calls())
    staff = StaffSession.begin(site, "ben")
    assert "Make last takes" in staff.get(VOICES)
    with pytest.raises(AssertionError, match="302"):
        staff.get(LAST_TAKES)  # nothing to ask: it goes back to the dashboard
    assert len(running_openai.calls()) == calls
