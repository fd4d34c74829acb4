"""Staff publish while listeners listen: listeners get old words with old audio, then all of the new."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from harness.caller import Caller, hash_of, sound_of
from harness.openai_server import OpenAIServer
from harness.site import MakeSite, Site
from harness.site_data import default_journey, execute, id_of_text, ready_clips
from harness.staff_session import StaffSession
from harness.waiting import wait_until

pytestmark = [pytest.mark.site, pytest.mark.long_on_postgresql, pytest.mark.timeout(300)]

VOICES = ("nova", "onyx")
CHANGED = ("q01", "q02", "q03")
LOOKS = 200
WORK = """
from narratives import publishing
from ttscache import hooks
from ttscache.warming import worker
hooks.install(hooks.Hooks())
worker.work(seconds=30)
"""

OLD_SOUND = """
from dataclasses import replace
from ttscache.tiers import checksum_of
from ttscache.wiring import speech_cache
old = speech_cache().find("{old}").entry
new = speech_cache().find("{content_hash}").entry
speech_cache().tiers.permanent.put(replace(new, audio=old.audio, checksum=old.checksum))
"""


@pytest.fixture(scope="module")
def site(make_site: MakeSite, running_openai: OpenAIServer) -> Iterator[Site]:
    """A site with every published clip made."""
    running_openai.reset()
    with make_site(Site, WEB_WORKERS="2") as site:
        wait_until(lambda: ready_clips(site) == 2 * 17, "all clips", seconds=120)
        yield site
    running_openai.reset()


@pytest.fixture(scope="module")
def staff(site: Site) -> StaffSession:
    return StaffSession.begin(site)


def publish(staff: StaffSession, words: str, slugs: tuple[str, ...] = CHANGED) -> None:
    texts = {id_of_text(staff.site, slug): f"{words} {slug}?" for slug in slugs}
    for pk, text in texts.items():
        execute(staff.site, "UPDATE narratives_narrative SET text = %s WHERE id = %s", text, pk)
    staff.publish(list(texts))


def questions(caller: Caller, voice: str) -> list[dict[str, Any]]:
    return [each for each in caller.narratives(voice)["narratives"] if each["kind"] == "question"]


def looks_until_switched(caller: Caller, words: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Poll the journey in both voices until it switched, at least LOOKS times."""
    switched: set[str] = set()
    end = time.monotonic() + 120
    number = 0
    while number < LOOKS or len(switched) < len(VOICES):
        assert time.monotonic() < end, "the new words never came"
        voice = VOICES[number % 2]
        listed = questions(caller, voice)
        if any(each["text"].startswith(words) for each in listed):
            switched.add(voice)
        yield voice, listed
        number += 1


def test_an_answer_never_mixes_new_words_with_old_audio(
    site: Site, staff: StaffSession, openai: OpenAIServer
) -> None:
    openai.behave(chunk_delay_seconds=0.3)
    publishing = threading.Thread(target=publish, args=(staff, "Another question"))
    publishing.start()
    counts = []
    for voice, listed in looks_until_switched(Caller(site), "Another question"):
        assert all(each["audio"]["ready"] for each in listed)
        assert all(each["audio"]["content_hash"] == hash_of(each["text"], voice) for each in listed)
        counts.append(sum(each["text"].startswith("Another question") for each in listed))
    publishing.join()
    assert set(counts) == {0, len(CHANGED)}
    assert counts == sorted(counts)


@pytest.mark.parametrize("voice", VOICES)
def test_the_new_audio_has_the_new_words_after_the_switch(
    site: Site, openai: OpenAIServer, voice: str
) -> None:
    new = [each for each in questions(Caller(site), voice) if each["text"].startswith("Another question")]
    heard = [Caller(site).get(each["audio"]["url"]).body for each in new]
    assert len(new) == len(CHANGED)
    assert heard == [sound_of(each["text"], voice) for each in new]
    assert openai.calls() == []


def test_a_remade_clip_plays_the_old_audio_until_the_new_one_is_ready(
    site: Site, staff: StaffSession, openai: OpenAIServer
) -> None:
    caller = Caller(site)
    text = questions(caller, "nova")[3]["text"]
    old, new = sound_of(text, "onyx"), sound_of(text, "nova")
    names = {"content_hash": hash_of(text, "nova"), "old": hash_of(text, "onyx")}

    def address() -> str:
        return str(questions(caller, "nova")[3]["audio"]["url"])

    def heard_often() -> set[bytes]:
        """Return the audio of many requests, which reach both web processes."""
        return {caller.get(address()).body for _ in range(10)}

    site.manage("shell", "-c", OLD_SOUND.format(**names), check=True)
    wait_until(lambda: heard_often() == {old}, "the old sound")
    before = address()
    openai.behave(gate_before_headers=True)
    address_of_text = f"/admin/narratives/narrative/{questions(caller, 'nova')[3]['id']}"
    assert staff.say_yes(f"{address_of_text}/make-again/nova/").status == 302
    wait_until(openai.calls, "the call for the new one")
    assert (heard_often(), address()) == ({old}, before)
    openai.release()
    wait_until(lambda: heard_often() == {new}, "the new sound")
    assert address() != before
    assert len(openai.calls()) == 1


def test_a_failed_clip_leaves_listeners_the_old_version(
    site: Site, staff: StaffSession, openai: OpenAIServer
) -> None:
    before = questions(Caller(site), "nova")
    openai.behave(fault=400, on_text="Refused q02")
    publish(staff, "Refused")
    wait_until(lambda: ready_clips(site) == 2 * 17 + 2 * 3 + 2 * 2, "the clips that can be made", seconds=60)
    assert questions(Caller(site), "nova") == before


def test_a_missed_switch_happens_at_the_next_start(
    site: Site, staff: StaffSession, openai: OpenAIServer
) -> None:
    """The process that ended the run was killed before it could switch."""
    assert staff.say_yes(f"/admin/narratives/journey/{default_journey(site)}/waiting/withdraw/").status == 302
    openai.behave(gate_before_headers=True)
    publish(staff, "Late", ("q05",))
    site.stop()
    openai.reset()
    site.manage("shell", "-c", WORK, check=True)
    site.start()
    wait_until(
        lambda: any(each["text"] == "Late q05?" for each in questions(Caller(site), "onyx")),
        "the switch",
        seconds=60,
    )
