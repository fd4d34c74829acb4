"""Every host keeps popular reflections in its files, even a host that got no request for them."""

from __future__ import annotations

import pytest

from harness.caller import Caller, hash_of, phrase
from harness.openai_server import OpenAIServer
from harness.site import MakeSite, WebServer
from harness.site_data import execute, files_of, new_token
from harness.waiting import wait_until

pytestmark = [pytest.mark.site, pytest.mark.any_database]


def test_a_second_host_fetches_what_the_first_is_asked_for(make_site: MakeSite, openai: OpenAIServer) -> None:
    text, private = phrase(), phrase()
    with make_site(WebServer, TTS_LISTENER_VOICES="nova") as first:
        caller = Caller(first, new_token(first))
        for said in (text, private):
            assert caller.say(said, content_type="analysis").status == 200
        caller.get("/api/cache-stats")  # this writes the counts
        execute(first, f"UPDATE tts_cache SET is_shareable = TRUE WHERE content_hash = '{hash_of(text)}'")
        night = "from ttscache import tasks; tasks.make_popular_reflections()"
        first.manage("shell", "-c", night, check=True)
        with make_site(WebServer, beside=first) as second:
            wait_until(lambda: files_of(second, hash_of(text)), "the clip in its files", seconds=30)

            assert Caller(second).clip(hash_of(text)).headers["Cache-Status"].endswith("detail=file")
            assert files_of(second, hash_of(private)) == []
    assert len(openai.calls()) == 2
