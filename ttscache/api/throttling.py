"""Rate limits on new clips and on reports, for each caller. Hits are never throttled."""

from __future__ import annotations

import hashlib
import ipaddress
import logging
from typing import cast

from django.core.cache import BaseCache, caches
from django.db import Error
from django.utils.connection import ConnectionProxy
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from ttscache.errors import Throttled
from ttscache.models import ApiToken

logger = logging.getLogger(__name__)


class ScopedThrottle(SimpleRateThrottle):
    """A rate for each token, each signed-in user, and each address of an anonymous caller."""

    duration: int  # seconds; DRF sets both from the rate
    num_requests: int

    def __init__(self, scope: str) -> None:
        self.scope = scope
        super().__init__()

    def get_cache_key(self, request: Request, view: APIView) -> str:
        if isinstance(request.auth, ApiToken):
            caller = f"token-{request.auth.pk}"
        elif request.user and request.user.is_authenticated:
            caller = f"user-{request.user.pk}"
        else:
            caller = f"address-{_network_of(self.get_ident(request))}"
        return str(self.cache_format % {"scope": self.scope, "ident": caller})

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Count the request; returns whether it is within the rate. Its first request begins a window."""
        if self.rate is None:
            return True
        key = self.get_cache_key(request, view)
        return _count_in_window(self.cache, key, self.duration) <= self.num_requests

    def wait(self) -> float:
        """Seconds until the next window begins, at most."""
        return float(self.duration)


class SessionThrottle(ScopedThrottle):
    """A rate for each session of a stranger, by the name that their page has made up for it."""

    def __init__(self, scope: str, session: str) -> None:
        super().__init__(scope)
        self._session = session

    def get_cache_key(self, request: Request, view: APIView) -> str:
        digest = hashlib.sha256(self._session.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        return str(self.cache_format % {"scope": self.scope, "ident": f"session-{digest}"})


class ReportThrottle(ScopedThrottle):
    """Counts in this process only, because a report must not cost a query."""

    cache = cast(BaseCache, ConnectionProxy(caches, "process"))


def _network_of(address: str) -> str:
    """An IPv4 address, or the /64 of an IPv6 address: one home or one attacker has all addresses in it."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6 and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, 64), strict=False).network_address)
    return address


def _count_in_window(cache: BaseCache, key: str, seconds: int) -> int:
    """The number of requests in this window, including this one.

    DRF's throttles read and write back, so two hosts that count at once lose a request. This adds instead.
    """
    # The database counts in one statement, Redis in one script; a cache of one process in two steps.
    count_at_once = getattr(cache, "count_in_window", None)
    counted: int | None = count_at_once(key, seconds) if count_at_once else None
    if counted is not None:
        return counted
    # add() is atomic: exactly one caller opens the window and sets its end.
    if cache.add(key, 1, seconds):
        return 1
    try:
        return cache.incr(key)
    except ValueError:  # the window ended between the two
        cache.set(key, 1, seconds)
        return 1


class TokenThrottle(ScopedThrottle):
    """The rate of one token that has a rate of its own."""

    def __init__(self, scope: str, rate_a_minute: int) -> None:
        self.rate = f"{rate_a_minute}/min"
        super().__init__(scope)


def check_generation_rate(request: Request, view: APIView) -> None:
    """Count one generation for this caller. Raises Throttled if there were too many."""
    token = request.auth
    if isinstance(token, ApiToken) and token.rate_a_minute is not None:
        _check(TokenThrottle("generation", token.rate_a_minute), request, view)
        return
    is_anonymous = not isinstance(request.auth, ApiToken) and not request.user.is_authenticated
    check_rate("anonymous_generation" if is_anonymous else "generation", request, view)


def check_report_rate(scope: str, request: Request, view: APIView) -> None:
    """Count one report of this scope. Raises Throttled."""
    throttle = ReportThrottle(scope)
    if not throttle.allow_request(request, view):
        raise Throttled("Too much was reported.", retry_after_seconds=throttle.wait() or 60)


def check_rate(scope: str, request: Request, view: APIView) -> None:
    """Count one request of this scope. Raises Throttled; lets everyone pass while the cache is away."""
    _check(ScopedThrottle(scope), request, view)


def check_stranger_rate(scope: str, session: str, sentence: str, request: Request, view: APIView) -> None:
    """Count one request of this session, if it has a name, and of this address. Raises Throttled.

    The rates are those of `<scope>_session` and `<scope>_address`. The session is counted first, so that one
    page that runs wild does not use up what all people behind its address may do.
    """
    if session:
        _check(SessionThrottle(f"{scope}_session", session), request, view, sentence)
    _check(ScopedThrottle(f"{scope}_address"), request, view, sentence)


def _check(throttle: ScopedThrottle, request: Request, view: APIView, sentence: str = "") -> None:
    try:
        is_allowed = throttle.allow_request(request, view)
    except (Error, RedisError):
        logger.warning("Throttling is disabled: the cache does not answer.")
        return
    if not is_allowed:
        raise Throttled(sentence, retry_after_seconds=throttle.wait() or 60)
