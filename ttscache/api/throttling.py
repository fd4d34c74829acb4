"""Rate limits for each caller, counted over all processes and hosts. Hits are never throttled."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Callable

from django.core.cache import BaseCache, caches
from django.db import Error
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from ttscache.adaptive_cache import cache_errors, shared_cache
from ttscache.errors import Throttled
from ttscache.fingerprint import digest_of_name
from ttscache.models import ApiToken

Errors = tuple[type[Exception], ...]

AWAY_SECONDS = 10.0  # how long nobody asks a cache that did not answer: each question may wait for seconds


class ScopedThrottle(SimpleRateThrottle):
    """A rate for each token, each signed-in user, and each address of an anonymous caller."""

    duration: int  # seconds; DRF sets both from the rate
    num_requests: int

    def __init__(self, scope: str) -> None:
        self.scope = scope
        super().__init__()

    @staticmethod
    def counts_here_after() -> Errors:
        """While Redis is away each process counts by itself. While the database is, nothing can be made."""
        return cache_errors()

    def get_cache_key(self, request: Request, view: APIView) -> str:
        if isinstance(request.auth, ApiToken):
            caller = f"token-{request.auth.pk}"
        elif request.user and request.user.is_authenticated:
            caller = f"user-{request.user.pk}"
        else:
            caller = f"address-{network_of(self.get_ident(request))}"
        return str(self.cache_format % {"scope": self.scope, "ident": caller})

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Count the request; returns whether it is within the rate. Its first request begins a window."""
        if self.rate is None:
            return True
        return self.is_within_rate(self.get_cache_key(request, view))

    def is_within_rate(self, key: str) -> bool:
        """Count a request under this key. Raises Error while the database that counts is away."""
        return _counts.count(key, self.duration, self.counts_here_after) <= self.num_requests

    def is_used_up(self, request: Request, view: APIView) -> bool:
        """Whether the next request would be refused. Counts nothing, so it costs a read and no lock."""
        if self.rate is None:
            return False
        try:
            counted = caches["default"].get(self.get_cache_key(request, view))
        except cache_errors():
            return False
        return isinstance(counted, int) and counted >= self.num_requests

    def wait(self) -> float:
        """Seconds until the next window begins, at most."""
        return float(self.duration)


class NamedThrottle(ScopedThrottle):
    """A rate for each name that somebody has given: of a stranger's session, or of who signs in."""

    def __init__(self, scope: str, name: str) -> None:
        super().__init__(scope)
        self._name = name

    def get_cache_key(self, request: Request | None = None, view: APIView | None = None) -> str:
        digest = digest_of_name(self._name)[:32]
        return str(self.cache_format % {"scope": self.scope, "ident": f"named-{digest}"})

    def is_allowed(self) -> bool:
        """Count a request; returns whether it is within the rate."""
        return self.is_within_rate(self.get_cache_key())


class ReportThrottle(ScopedThrottle):
    """A rate for calls that need no database: reports of browsers, and lists for clients."""

    @staticmethod
    def counts_here_after() -> Errors:
        return *cache_errors(), Error


def network_of(address: str) -> str:
    """An IPv4 address, or the /64 of an IPv6 address: one home or one attacker has all addresses in it."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6 and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, 64), strict=False).network_address)
    return address


class _Counts:
    """Counts requests in windows: over all processes, or in this one while Django's cache is away."""

    def __init__(self) -> None:
        self._retry_at = 0.0
        self._one_at_a_time = threading.Lock()

    def count(self, key: str, seconds: int, here_after: Callable[[], Errors]) -> int:
        """Count a request; returns the number of requests in its window. The first one begins the window.

        `here_after` names the errors of the cache after which this process counts by itself.
        """
        if time.monotonic() >= self._retry_at:
            try:
                # One statement in the database, one script in Redis. DRF's own throttles read and write back,
                # so that of two requests at once only one is counted.
                cache = caches["default"]
                at_once: Callable[[str, int], int] | None = getattr(cache, "count_in_window", None)
                counted = at_once(key, seconds) if at_once else _count_in(cache, key, seconds)
            except here_after():
                self._retry_at = time.monotonic() + AWAY_SECONDS
                shared_cache.note(is_there=False)
            else:
                shared_cache.note(is_there=True)
                return counted
        with self._one_at_a_time:
            return _count_in(caches["process"], key, seconds)

    def forget_outage(self) -> None:
        self._retry_at = 0.0


def _count_in(cache: BaseCache, key: str, seconds: int) -> int:
    """Count in a cache of another kind than ours: exact in memory and in Redis."""
    if cache.add(key, 1, seconds):
        return 1
    try:
        return cache.incr(key)
    except ValueError:  # the window has just ended
        cache.set(key, 1, seconds)
        return 1


_counts = _Counts()


def ask_cache_again() -> None:
    """Ask Django's cache at the next request, even if it did not answer lately."""
    _counts.forget_outage()


class TokenThrottle(ScopedThrottle):
    """The rate of one token that has a rate of its own."""

    def __init__(self, scope: str, rate_a_minute: int) -> None:
        self.rate = f"{rate_a_minute}/min"
        super().__init__(scope)


def check_generation_rate(request: Request, view: APIView) -> None:
    """Count one generation for this caller. Raises Throttled if there were too many."""
    _check(_throttle_of_generations(request), request, view)


def refuse_if_used_up(request: Request, view: APIView) -> None:
    """Raise Throttled if this caller may not start a generation, before anything is written for it.

    Otherwise each of many refused requests would take and return a lease, and others wait for the database.
    The holder of a token is known, so its new clips do not pay for this look.
    """
    if isinstance(request.auth, ApiToken):
        return
    throttle = _throttle_of_generations(request)
    if throttle.is_used_up(request, view):
        raise Throttled(retry_after_seconds=throttle.wait() or 60)


def _throttle_of_generations(request: Request) -> ScopedThrottle:
    token = request.auth
    if isinstance(token, ApiToken) and token.rate_a_minute is not None:
        return TokenThrottle("generation", token.rate_a_minute)
    is_anonymous = not isinstance(request.auth, ApiToken) and not request.user.is_authenticated
    return ScopedThrottle("anonymous_generation" if is_anonymous else "generation")


def check_report_rate(scope: str, sentence: str, request: Request, view: APIView) -> None:
    """Count one report, or one look at a list. Raises Throttled, with this sentence."""
    _check(ReportThrottle(scope), request, view, sentence)


def check_rate(scope: str, request: Request, view: APIView, sentence: str = "") -> None:
    """Count one request of this scope. Raises Throttled with this sentence, and Error."""
    _check(ScopedThrottle(scope), request, view, sentence)


def check_stranger_rate(scope: str, session: str, sentence: str, request: Request, view: APIView) -> None:
    """Count one request of this session, if it has a name, and of this address. Raises Throttled.

    The rates are those of `<scope>_session` and `<scope>_address`. The session is counted first, so that one
    page that runs wild does not use up what all people behind its address may do.
    """
    if session:
        _check(NamedThrottle(f"{scope}_session", session), request, view, sentence)
    _check(ScopedThrottle(f"{scope}_address"), request, view, sentence)


def _check(throttle: ScopedThrottle, request: Request, view: APIView, sentence: str = "") -> None:
    if not throttle.allow_request(request, view):
        raise Throttled(sentence, retry_after_seconds=throttle.wait() or 60)
