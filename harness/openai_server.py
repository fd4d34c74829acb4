"""OpenAIServer: starts the provider in its own process and tells it how to behave.

    python -m harness.openai_server --port 9000

runs it by hand, so that you can point a client at it.
"""

from __future__ import annotations

import argparse
import http.client
import json
import shutil
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from harness.process import HOST, PROJECT, ServerProcess, free_port, is_listening
from harness.speech_api.calls import Call, peak_concurrency
from harness.speech_api.server import SpeechServer
from harness.speech_api.vendors import VENDORS


class OpenAIServer:
    """A provider at base_url. harness/speech_api/behaviour.py lists the ways in which it can behave.

    `profile` makes it act like another vendor's service: harness/speech_api/vendors.py.
    """

    def __init__(
        self, *, address: str = HOST, extra_voices: tuple[str, ...] = (), profile: str = "openai"
    ) -> None:
        self.port = free_port()
        self.base_url = f"http://{address}:{self.port}/v1"
        self._address = address
        self._extra_voices = extra_voices
        self._profile = profile
        self._folder: Path | None = None
        self._server: ServerProcess | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, or start it again on the same port. It then behaves well and has no calls."""
        self._folder = Path(tempfile.mkdtemp(prefix="harness-openai-"))
        voices = [part for voice in self._extra_voices for part in ("--voice", voice)]
        where = ("--address", self._address, "--port", str(self.port), "--profile", self._profile)
        self._server = ServerProcess(
            [sys.executable, "-m", "harness.openai_server", *where, *voices],
            log=self._folder / "log",
            cwd=PROJECT,
        )
        self._server.wait_until_ready(lambda: is_listening(self.port, self._address))

    def stop(self) -> None:
        """Cut running answers off, and refuse new connections."""
        if self._server is not None:
            self._server.kill()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def behave(self, **settings: Any) -> None:
        """Set the behaviour, by any fields of Behaviour, and drop all earlier settings."""
        self._ask("PUT", "/_control", settings)

    def behave_also(self, **settings: Any) -> None:
        """Add a behaviour for calls that the earlier settings (on_text, first_calls) do not match."""
        self._ask("POST", "/_control", settings)

    def behave_as_chat(self, **settings: Any) -> None:
        """From now on its chat model is like this: any fields of ChatBehaviour."""
        self._ask("PUT", "/_chat", settings)

    def chats(self) -> list[dict[str, Any]]:
        """Every body that its chat model was sent since the start or the last reset."""
        requests: list[dict[str, Any]] = self._ask("GET", "/_chats")["requests"]
        return requests

    def release(self) -> None:
        """Open the gates: waiting calls continue and later ones pass."""
        self._ask("POST", "/_release")

    def reset(self) -> None:
        """Behave well, open all gates, forget the calls."""
        self._ask("DELETE", "/_control")

    def calls(self) -> list[Call]:
        """Every speech request since the start or the last reset, in order, including unfinished ones."""
        return [Call(**call) for call in self._ask("GET", "/_calls")["calls"]]

    def bill_usd(self) -> float:
        """The cost of all Realtime responses since the start or the last reset, by their tokens."""
        return float(self._ask("GET", "/_bill")["microusd"]) / 1e6

    def session_count(self) -> int:
        """The number of Realtime sessions opened since the start or the last reset."""
        return int(self._ask("GET", "/_bill")["sessions"])

    def shut_down_on(self, dates: dict[str, str | None]) -> None:
        """Set `shutdown_date` in the list of models: by model, such as "2027-01-06"."""
        self._ask("PUT", "/_shutdown_dates", dates)

    def peak_concurrency(self) -> int:
        return peak_concurrency(self.calls())

    def _ask(self, method: str, path: str, settings: dict[str, Any] | None = None) -> dict[str, Any]:
        connection = http.client.HTTPConnection(self._address, self.port, timeout=10)
        try:
            connection.request(method, path, json.dumps(settings or {}))
            response = connection.getresponse()
            answer: dict[str, Any] = json.loads(response.read())
        finally:
            connection.close()
        if response.status != 200:
            raise ValueError(answer["error"]["message"])
        return answer


def main() -> None:
    parser = argparse.ArgumentParser(description="A provider with OpenAI's protocol, for tests.")
    parser.add_argument("--address", default=HOST)
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--voice", action="append", default=[], help="a further voice that it knows")
    parser.add_argument("--profile", choices=sorted(VENDORS), default="openai", help="whose service it is")
    options = parser.parse_args()
    server = SpeechServer((options.address, options.port), tuple(options.voice), options.profile)
    print(f"http://{options.address}:{options.port}/v1", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
