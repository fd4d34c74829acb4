"""Finds out who calls, and by which name: behind a proxy from its headers, if TRUSTED_PROXIES has it.

Everything behind this (throttles, sign-in, links, cookies) then reads REMOTE_ADDR, the scheme and the host,
and no forwarded header of a stranger is left for it to believe.
"""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

logger = logging.getLogger(__name__)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

OF_A_SOCKET_FILE = "127.0.0.1"  # only programs of this machine can open one
_FORWARDED = (
    "HTTP_FORWARDED",  # RFC 7239; not read, so it must not be believed either
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_PROTOCOL",
    "HTTP_X_FORWARDED_SSL",
    "HTTP_X_REAL_IP",
)
_SCHEMES = ("http", "https")
_WITH_A_PORT = re.compile(r"\[([^\]]+)\](?::\d+)?|([\d.]+):\d+")


class TrustedProxies:
    """WSGI middleware: replaces the proxy's own address, scheme and host by those of the caller."""

    def __init__(self, application: WSGIApplication, proxies: Sequence[str] | None = None) -> None:
        self._application = application
        named = settings.TRUSTED_PROXIES if proxies is None else proxies
        self._networks = [ipaddress.ip_network(each) for each in named]
        self._has_warned = False

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        peer = environ.get("REMOTE_ADDR") or OF_A_SOCKET_FILE
        environ["REMOTE_ADDR"] = _plain(peer)
        environ["lifereview.is_from_proxy"] = is_trusted = self._is_trusted(_address(peer))
        if is_trusted:
            self._take_over(environ)
        else:
            self._ignore(environ)
        return self._application(environ, start_response)

    def _take_over(self, environ: WSGIEnvironment) -> None:
        environ["REMOTE_ADDR"] = self._caller(environ["REMOTE_ADDR"], environ.get("HTTP_X_FORWARDED_FOR", ""))
        scheme = _last(environ, "HTTP_X_FORWARDED_PROTO").lower()
        if scheme in _SCHEMES:
            # Django reads the header (SECURE_PROXY_SSL_HEADER), other parts the scheme: make them agree.
            environ["wsgi.url_scheme"] = environ["HTTP_X_FORWARDED_PROTO"] = scheme
        else:
            environ.pop("HTTP_X_FORWARDED_PROTO", None)
        if host := _last(environ, "HTTP_X_FORWARDED_HOST"):
            environ["HTTP_HOST"] = host  # Django still compares it with ALLOWED_HOSTS
        port = _last(environ, "HTTP_X_FORWARDED_PORT")
        if re.fullmatch(r"\d{1,5}", port, re.ASCII):
            environ["SERVER_PORT"] = port  # Django asks for it only where there is no Host

    def _ignore(self, environ: WSGIEnvironment) -> None:
        given = [name for name in _FORWARDED if environ.pop(name, None) is not None]
        if given and not self._has_warned:
            self._has_warned = True  # once in a process: a stranger could fill the log
            logger.warning(
                "Forwarded headers of %s are ignored: it is none of TRUSTED_PROXIES.", environ["REMOTE_ADDR"]
            )

    def _caller(self, peer: str, forwarded: str) -> str:
        """The last address in X-Forwarded-For that is no proxy of ours.

        Each proxy appends the address that called it, so only what our own proxies have appended is true.
        Read from the right, and stop at the first address that is not theirs, or that is no address at all.
        """
        caller = peer
        for hop in reversed(forwarded.split(",") if forwarded else []):
            address = _address(hop)
            if address is None:
                break
            caller = str(address)
            if not self._is_trusted(address):
                break
        return caller

    def _is_trusted(self, address: Address | None) -> bool:
        return address is not None and any(address in network for network in self._networks)


@lru_cache(maxsize=1_000)  # nearly all requests come from the same few peers
def _address(text: str) -> Address | None:
    """The address, without the port that some proxies add; an IPv4 address in IPv6 form as IPv4."""
    text = text.strip()
    if with_port := _WITH_A_PORT.fullmatch(text):
        text = with_port[1] or with_port[2]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _plain(peer: str) -> str:
    address = _address(peer)
    return peer if address is None else str(address)


def _last(environ: WSGIEnvironment, name: str) -> str:
    """Return the last value, which the nearest proxy has appended."""
    return str(environ.get(name, "")).rpartition(",")[2].strip()
