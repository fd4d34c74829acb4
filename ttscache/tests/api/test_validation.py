"""Request bodies that never come whole."""

from __future__ import annotations

import io

import pytest
from django.test import Client


class ResetConnection(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        raise ConnectionResetError


@pytest.mark.parametrize("path", ["/api/text-to-speech", "/v1/audio/speech"])
def test_a_client_that_leaves_while_it_sends_its_body_is_no_error_of_the_server(
    caller: Client, path: str
) -> None:
    broken = {"wsgi.input": ResetConnection(), "CONTENT_LENGTH": "100"}

    answer = caller.post(path, b"", content_type="application/json", **broken)  # type: ignore[arg-type]

    assert answer.status_code == 400
