"""A site below a path of a proxy's address, on a host where only VAR_DIR can be written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from harness.caller import Caller, phrase, sound_of
from harness.hardened_site import HardenedSite, require_mounts
from harness.openai_server import OpenAIServer
from harness.optional import skipped_when_unavailable
from harness.process import HOST
from harness.site import MakeSite
from harness.waiting import wait_until

pytestmark = [pytest.mark.site, pytest.mark.any_database, pytest.mark.timeout(300)]

PREFIX = "/life-review"
PAGES = ("/", "/admin/login/", "/api/docs")
_LINK = re.compile(r"""(?:href|src|action|data-[\w-]+)=["'](/[^"'#]*)""")
_ADDRESS = re.compile(r"/(?:api|v1|admin|static)/")


@pytest.fixture(scope="module")
def caller(make_site: MakeSite) -> Iterator[Caller]:
    """A caller of the proxy's address: the path begins with the prefix, as the proxy passes it on."""
    with skipped_when_unavailable():
        require_mounts()
    site: HardenedSite = make_site(HardenedSite, SCRIPT_NAME=PREFIX)
    site.url = f"http://{HOST}:{site.port}{PREFIX}"
    with site:
        yield Caller(site, site.api_token())


def addresses_in(answer: Any) -> Iterator[str]:
    """Every address in a JSON answer, however deep it lies."""
    if isinstance(answer, dict):
        for value in answer.values():
            yield from addresses_in(value)
    elif isinstance(answer, list):
        for value in answer:
            yield from addresses_in(value)
    elif isinstance(answer, str) and answer.startswith(("/", "http")) and _ADDRESS.search(answer):
        yield answer


def assert_leads_somewhere(caller: Caller, address: str) -> None:
    assert address.startswith(PREFIX), address
    answer = caller.get(address.removeprefix(PREFIX))
    assert answer.status in (200, 302), (address, answer.status)


def test_the_site_starts_and_keeps_clips_where_only_var_dir_can_be_written(
    caller: Caller, openai: OpenAIServer
) -> None:
    text = phrase()
    assert caller.say(text).body == sound_of(text)
    assert caller.say(text).headers["Cache-Status"].startswith("lifereview; hit")
    said = "task cluster: ok"
    wait_until(lambda: said in caller.get("/readyz").body.decode(), said, seconds=60)
    assert "local files: ok" in caller.get("/readyz").body.decode()
    assert not (caller.site.var_dir.parent / "cannot-be-made").exists()


def test_every_address_of_the_api_has_the_prefix_and_leads_somewhere(caller: Caller) -> None:
    answers = [
        caller.narratives(),
        caller.post("/api/pre-cache-narratives", {}).json(),
        caller.post("/api/reflections", {"narrative": 4, "answer": "A small house by the sea."}).json(),
        caller.post("/api/analyze-and-tts", {"question": "Where?", "answer": "By the sea."}).json(),
        caller.get("/api/cache-stats").json(),
    ]
    given = [address for answer in answers for address in addresses_in(answer)]
    assert len(given) > 17
    for address in given:
        assert_leads_somewhere(caller, address)
    told = caller.get("/api/schema", Accept="application/vnd.oai.openapi+json").json()
    assert told["servers"] == [{"url": PREFIX}]  # its paths are read below this one


@pytest.mark.parametrize("page", PAGES)
def test_every_address_of_a_page_has_the_prefix_and_leads_somewhere(caller: Caller, page: str) -> None:
    answer = caller.get(page)
    assert answer.status == 200
    links = {link for link in _LINK.findall(answer.body.decode()) if not link.startswith("//")}
    assert links
    for link in links:
        assert_leads_somewhere(caller, link.replace("&amp;", "&"))


@pytest.mark.parametrize("path", ["/admin", "/admin/"])
def test_redirects_keep_the_prefix(caller: Caller, path: str) -> None:
    assert caller.get(path).headers["Location"].startswith(f"{PREFIX}/admin/")
