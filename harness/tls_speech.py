"""The provider over TLS in this process. It counts connections and can close idle ones."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from harness.process import HOST
from harness.speech_api.calls import Call
from harness.speech_api.server import SpeechServer


class TLSSpeechServer:
    """A service at `base_url`. Clients must trust `certificate`."""

    def __init__(self, folder: Path) -> None:
        self.certificate, key = _certificate(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self._server = _CountingServer((HOST, 0))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.base_url = f"https://{HOST}:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def connections(self) -> int:
        """The number of accepted connections, each with a handshake."""
        return len(self._server.accepted)

    def calls(self) -> list[Call]:
        return self._server.calls.all()

    def behave(self, **settings: Any) -> None:
        self._server.rules.replace(settings)

    def close_idle_connections(self) -> None:
        """Close the connections as a server does after a timeout; clients may not notice at once."""
        for connection in self._server.accepted:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # already closed


class _CountingServer(SpeechServer):
    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__(address)
        self.accepted: list[socket.socket] = []

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self.accepted.append(connection)
        return connection, address


def _certificate(folder: Path) -> tuple[Path, Path]:
    """Make a self-signed certificate with the openssl command."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    made += f" -days 2 -subj /CN=speech -addext subjectAltName=IP:{HOST}"
    where = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", *made.split(), *where], check=True, capture_output=True)
    return certificate, key
