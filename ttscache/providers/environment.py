"""Checks the environment variables that the libraries of the provider read by themselves.

A wrong one would make every call fail, with a reason that nobody looks for.
"""

from __future__ import annotations

import os
import re
import ssl
from dataclasses import dataclass
from importlib.util import find_spec
from urllib.parse import urlsplit

from ttscache.host_names import is_host_name

PROXIES = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY")
HEADERS = ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID")
FURTHER_HEADERS = "OPENAI_CUSTOM_HEADERS"  # one header a line; the client adds them to each request


@dataclass(frozen=True, slots=True)
class UnusableVariable:
    """Its value is not told: a proxy's address may hold a password."""

    variable: str
    reason: str
    hint: str


def unusable_variable() -> UnusableVariable | None:
    """The first variable that cannot be used. It connects to nobody."""
    return _wrong_certificates() or _wrong_proxy() or _wrong_header()


def _wrong_certificates() -> UnusableVariable | None:
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if folder and not os.path.isdir(folder):
        return UnusableVariable(
            f"SSL_CERT_DIR={folder!r}", "there is no such folder", "Name another one, or unset it."
        )
    if not file:
        return None
    try:
        ssl.create_default_context(cafile=file)
    except ssl.SSLError:
        reason = "the file holds no certificates"
    except OSError as error:
        reason = f"the file cannot be read ({error.strerror})"
    else:
        return None
    return UnusableVariable(f"SSL_CERT_FILE={file!r}", reason, "Name a file of certificates, or unset it.")


def _wrong_proxy() -> UnusableVariable | None:
    # The voice goes over httpx2, the Realtime API over websockets; each needs a package of its own for SOCKS.
    speaks_socks = find_spec("socksio") is not None and find_spec("python_socks") is not None
    known = ("http", "https", *(("socks5", "socks5h") if speaks_socks else ()))
    for name in (*PROXIES, *map(str.lower, PROXIES)):
        value = os.environ.get(name, "").strip()
        if not value:
            continue
        hint = f"Allowed is {' or '.join(f'{scheme}://host:port' for scheme in known)}."
        address = value if "://" in value else f"http://{value}"  # as httpx2 reads it
        scheme = address.partition("://")[0]
        if scheme not in known:
            return UnusableVariable(name, f"a proxy of the kind {scheme[:20]!r} is unknown here", hint)
        try:
            parts = urlsplit(address)
            is_address = is_host_name(parts.hostname or "") and (parts.port is None or parts.port > 0)
        except ValueError:
            is_address = False
        if not is_address:
            return UnusableVariable(name, "it is not the address of a proxy", hint)
    return None


def _wrong_header() -> UnusableVariable | None:
    if not re.fullmatch(r"[ -~\n]*", os.environ.get(FURTHER_HEADERS, "")):
        return UnusableVariable(
            FURTHER_HEADERS, "it cannot be sent as headers", "Write one Name: value a line, or unset it."
        )
    for name in HEADERS:
        if not re.fullmatch(r"[!-~]*", os.environ.get(name, "")):
            return UnusableVariable(
                name, "it cannot be sent as a header", "Write it again without quotes, or unset it."
            )
    return None
