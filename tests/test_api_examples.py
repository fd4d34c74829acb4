"""The curl examples of docs/api.md, run against a site: each succeeds, and its answer has the shown keys."""

from __future__ import annotations

import argparse
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from string import Template
from typing import Any

import pytest

from harness import http
from harness.caller import Caller
from harness.process import PROJECT
from harness.site import MakeSite, WebServer
from harness.site_data import new_token

pytestmark = [pytest.mark.site, pytest.mark.any_database]

PAGE = PROJECT / "docs" / "api.md"
EXAMPLE = re.compile(r"^```sh\n(.*?)^```$(?:\n\n^```json\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    """One curl command and the answer that the page shows for it."""

    command: str
    shown: str = ""

    def run(self, variables: dict[str, str]) -> http.Response:
        curl = argparse.ArgumentParser()
        curl.add_argument("url")
        curl.add_argument("-H", dest="headers", action="append", default=[])
        curl.add_argument("-I", dest="is_head", action="store_true")
        curl.add_argument("-o", dest="file")
        curl.add_argument("-r", dest="byte_range")
        curl.add_argument("--json", dest="body")
        words = [Template(word).substitute(variables) for word in shlex.split(self.command)]
        assert words[0] == "curl"
        given = curl.parse_args(words[1:])
        headers = dict(header.split(": ", 1) for header in given.headers)
        if given.byte_range:
            headers["Range"] = f"bytes={given.byte_range}"
        if given.body:
            return http.post_json(given.url, json.loads(given.body), headers, timeout_seconds=60)
        return http.request("HEAD" if given.is_head else "GET", given.url, headers, timeout_seconds=60)


def examples() -> Iterator[Example]:
    for commands, shown in EXAMPLE.findall(PAGE.read_text()):
        *others, last = commands.splitlines()
        yield from map(Example, others)
        yield Example(last, shown)


def missing_keys(actual: Any, shown: Any, place: str = "answer") -> list[str]:
    """Return the keys that the page shows and the answer lacks."""
    if isinstance(shown, dict):
        missing = [f"{place}.{key}" for key in shown if key not in actual]
        both = [key for key in shown if key in actual]
        return missing + [
            each for key in both for each in missing_keys(actual[key], shown[key], f"{place}.{key}")
        ]
    if isinstance(shown, list) and shown and isinstance(shown[0], dict):
        return missing_keys(actual[0], shown[0], f"{place}[0]")
    return []


@pytest.fixture(scope="module")
def variables(make_site: MakeSite) -> dict[str, str]:
    """Values for $SITE, $TOKEN, $ADMIN_TOKEN, $CLIP and $RUN, from a site with the default journey."""
    site = make_site(WebServer, holding="content")
    site.start()
    caller = Caller(site, new_token(site))
    run = caller.post("/api/pre-cache-narratives", {"voice": "nova"}).json()["run"]
    return {
        "SITE": site.url,
        "TOKEN": caller.token,
        "ADMIN_TOKEN": new_token(site, "operator", admin=True),
        "CLIP": caller.narratives()["narratives"][0]["audio"]["url"],
        "RUN": run,
    }


@pytest.mark.parametrize("example", list(examples()), ids=lambda example: example.command.split()[-1])
def test_an_example_of_the_api_page_is_answered_as_shown(example: Example, variables: dict[str, str]) -> None:
    answer = example.run(variables)

    shown = json.loads(example.shown) if example.shown else {}
    assert answer.status == 400 if "error" in shown else answer.status < 300, answer.body[:200]
    if shown:
        assert not missing_keys(answer.json(), shown)


def test_the_api_page_has_examples() -> None:
    assert len(list(examples())) >= 12
