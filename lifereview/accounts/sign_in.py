"""Limits signing in by address and by name, before a password is looked at. Each try is in the log.

Two limits hold. The throttles `sign_in_address` and `sign_in_name` count tries in one step over all
processes, so many at once do not slip through. django-axes counts failures, and refuses the next tries until
COOL_OFF has passed since the last of them. A browser that has signed in before is counted apart, so that
nobody can lock staff out by guessing. Passwords are never logged, and a name only if somebody has it: people
type passwords there by mistake.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from axes.backends import AxesStandaloneBackend
from axes.exceptions import AxesBackendPermissionDenied
from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from lifereview.accounts.password_hashing import is_hashing_busy
from ttscache.api.throttling import NamedThrottle, network_of
from ttscache.fingerprint import digest_of_name

logger = logging.getLogger(__name__)

COOL_OFF: timedelta = settings.AXES_COOLOFF_TIME
BUSY_SECONDS = 10
KNOWN_BROWSER = "known_browser"  # a cookie
KNOWN_SECONDS = 180 * 24 * 3600


class LimitedSignIn(AxesStandaloneBackend):  # type: ignore[misc]
    """Stands before Django's own backend, which works out the hash."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **more: Any,
    ) -> None:
        if request is None:
            return  # a program of this machine, not a caller
        name = username or ""
        for throttle in _throttles(request, name):
            if not throttle.is_allowed():
                _refuse(request, throttle.wait())
        if is_hashing_busy():
            _refuse(request, BUSY_SECONDS)
        try:
            super().authenticate(request, username=username, password=password, **more)
        except AxesBackendPermissionDenied:
            _refuse(request, _seconds_left(request, name))


def remember_browser(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Any:
    """Middleware: gives a browser whose try was right a cookie that says so."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if name := getattr(request, "signed_in_as", ""):
            response.set_signed_cookie(
                KNOWN_BROWSER,
                digest_of_name(name),
                max_age=KNOWN_SECONDS,
                secure=settings.SESSION_COOKIE_SECURE,
                httponly=True,
                samesite="Lax",
            )
        return response

    return answer


def caller_address(request: HttpRequest) -> str:
    """The caller's address, as the throttles count it. Read by django-axes."""
    return network_of(request.META.get("REMOTE_ADDR", ""))


def counted_together(request: HttpRequest, credentials: Mapping[str, Any] | None = None) -> list[Any]:
    """Which failures count for this try. Read by django-axes, also for a failure of long ago."""
    name = (credentials or {}).get("username") or ""
    if isinstance(request, HttpRequest) and _is_known(request, name):
        return [["username", "ip_address"]]
    return ["username", "ip_address"]


def refused_page(
    request: HttpRequest, response: HttpResponse | None = None, credentials: Mapping[str, Any] | None = None
) -> HttpResponse:
    """Say how long to wait. Called by django-axes."""
    seconds = getattr(request, "sign_in_wait_seconds", COOL_OFF.total_seconds())
    page = render(request, "sign_in_refused.html", {"minutes": math.ceil(seconds / 60)}, status=429)
    page["Retry-After"] = str(math.ceil(seconds))
    page["Cache-Control"] = "no-store"
    return page


def _throttles(request: HttpRequest, name: str) -> list[NamedThrottle]:
    address = caller_address(request)
    if _is_known(request, name):
        return [NamedThrottle("sign_in_name", f"{name} from {address}")]
    return [NamedThrottle("sign_in_address", address), NamedThrottle("sign_in_name", name)]


def _refuse(request: Any, seconds: float) -> None:
    request.axes_locked_out = request.is_sign_in_refused = True
    request.sign_in_wait_seconds = max(1.0, seconds)
    raise AxesBackendPermissionDenied("There were too many tries to sign in.")


def _seconds_left(request: HttpRequest, name: str) -> float:
    """Until enough failures are old: at the latest when the last of them is."""
    attempts = AxesProxyHandler.get_implementation().get_user_attempts(request, {"username": name})
    times = [last for found in attempts for last in found.values_list("attempt_time", flat=True)]
    last = max(times, default=timezone.now())
    return (last + COOL_OFF - timezone.now()).total_seconds()


def _is_known(request: HttpRequest, name: str) -> bool:
    kept = request.get_signed_cookie(KNOWN_BROWSER, default=None, max_age=KNOWN_SECONDS)
    return bool(name) and kept == digest_of_name(name)


@receiver(user_logged_in)
def _note_success(sender: object, request: Any, user: AbstractBaseUser, **more: Any) -> None:
    request.signed_in_as = user.get_username()
    logger.info("%s signed in from %s.", user.get_username(), caller_address(request))


@receiver(user_login_failed)
def _note_failure(
    sender: object, credentials: Mapping[str, Any], request: HttpRequest | None = None, **more: Any
) -> None:
    if request is None:
        return
    users = get_user_model()
    name = str(credentials.get(users.USERNAME_FIELD) or "")
    is_somebody = users.objects.filter(**{users.USERNAME_FIELD: name}).exists()
    whose = name if is_somebody else "an unknown name"
    if getattr(request, "is_sign_in_refused", False):
        logger.warning("A sign-in as %s from %s was refused: too many tries.", whose, caller_address(request))
    else:
        logger.warning("A sign-in as %s from %s failed.", whose, caller_address(request))
