"""docs/measured/bad-input.md: every hostile request of harness/hostile_inputs.py, and its answer.

    python -m harness.bad_input_page

starts a site of its own, sends them all, writes the page, and ends the site. A test compares the page with
the answers that it gets.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from harness.caller import Caller
from harness.hostile_inputs import CLIP, HostileInput, hostile_inputs, send
from harness.openai_server import OpenAIServer
from harness.process import PROJECT
from harness.site import WebServer

PAGE = PROJECT / "docs" / "measured" / "bad-input.md"
TELLS = """\
# Bad input, and its answer

Each hostile request goes to a running site byte for byte (`tests/test_open_internet.py`). No answer repeats
what was sent. No answer is a 5xx, except the 501 that RFC 9112 asks for. The log holds no word of it, and
afterwards each clip has the bytes that it had. A 200 means that the site ignores the nonsense, or speaks the
text as it is. `.venv/bin/python -m harness.bad_input_page` writes this page anew; "a clip" is the address of
a published one.

"""
LONGEST_NAME = 48


def bad_input_page(answered: Iterable[tuple[HostileInput, int]]) -> str:
    """The page with a row for each kind of hostile request and each status that it got."""
    addresses: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
    count = 0
    for hostile, status in answered:
        count += 1
        address = "a clip" if hostile.target == CLIP else f"`{_shown(hostile.target)}`"
        told = f"{_shown(hostile.method)} {address}"
        kind = addresses[hostile.name, status]
        if told not in kind:
            kind.append(told)
    rows = [
        f"| {_shown(name)} | {status} | {', '.join(told)} |" for (name, status), told in addresses.items()
    ]
    head = [f"{count} requests:", "", "| hostile | status | asked for |", "|---|---|---|"]
    return TELLS + "\n".join([*head, *rows]) + "\n"


def _shown(text: str) -> str:
    """The text in one cell of a table."""
    plain = text.encode("ascii", "backslashreplace").decode().replace("|", "\\|").replace("`", "'")
    return plain if len(plain) <= LONGEST_NAME else f"{plain[:LONGEST_NAME]}…"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, OpenAIServer() as voice:
        env = {"OPENAI_API_KEY": "test", "OPENAI_BASE_URL": voice.base_url, "WEB_WORKERS": "1"}
        site = WebServer(Path(folder) / "var", env)
        site.prepare()
        site.manage("load_default_content", check=True)
        with site:
            token = site.api_token("hostile", admin=True)
            clip = str(Caller(site).audio()[0]["url"])
            Caller(site).get(clip)
            inputs = hostile_inputs()
            PAGE.write_text(
                bad_input_page((each, send(site.url, token, each, clip).status) for each in inputs)
            )
    print(PAGE, f"{len(inputs)} requests")


if __name__ == "__main__":
    main()
