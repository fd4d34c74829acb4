"""Variables that the provider's libraries read by themselves are tried before the first call."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from ttscache.providers.environment import unusable_variable

pytestmark = pytest.mark.any_database


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "OPENAI_ORG_ID"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:9"),
        ("https_proxy", "socks4://ana:hush@127.0.0.1:9"),
        ("HTTPS_PROXY", "http://ana:hush@127.0.0.1:many"),
        ("HTTP_PROXY", "http://ana:hush@proxy”:3128"),
        ("HTTPS_PROXY", "http://my proxy:3128"),
        ("OPENAI_CUSTOM_HEADERS", "X-Team: “care”"),
        ("SSL_CERT_FILE", "/nowhere/ca.pem"),
        ("SSL_CERT_DIR", "/nowhere"),
        ("OPENAI_ORG_ID", "org-”"),
    ],
)
def test_a_variable_that_would_fail_each_call_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    problem = unusable_variable()

    assert problem is not None
    assert problem.variable.startswith(name)
    assert "hush" not in f"{problem}"


def test_a_file_without_certificates_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("none\n")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    problem = unusable_variable()

    assert problem is not None
    assert "no certificates" in problem.reason


def test_usable_variables_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    certificates = ssl.get_default_verify_paths().cafile
    if certificates:  # a machine may have none
        monkeypatch.setenv("SSL_CERT_FILE", certificates)
    monkeypatch.setenv("HTTPS_PROXY", "http://ana:hush@proxy.example.org:3128")
    monkeypatch.setenv("http_proxy", "proxy.example.org:3128")

    assert unusable_variable() is None
