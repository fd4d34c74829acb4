"""How many new clips one caller may have made. A hit costs nothing and is never throttled."""

from __future__ import annotations

from django.db import DatabaseError
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from ttscache.errors import Throttled
from ttscache.models import ApiToken


class GenerationThrottle(SimpleRateThrottle):
    """A rate for each token or staff user, and a lower one for each address of strangers."""

    def __init__(self, *, is_anonymous: bool) -> None:
        self.scope = "anonymous_generation" if is_anonymous else "generation"
        super().__init__()

    def get_cache_key(self, request: Request, view: APIView) -> str:
        if isinstance(request.auth, ApiToken):
            caller = f"token-{request.auth.pk}"
        elif request.user and request.user.is_authenticated:
            caller = f"user-{request.user.pk}"
        else:
            caller = f"address-{self.get_ident(request)}"
        return str(self.cache_format % {"scope": self.scope, "ident": caller})


def check_generation_rate(request: Request, view: APIView) -> None:
    """Count one generation for this caller. Raises Throttled when there were too many."""
    is_anonymous = not isinstance(request.auth, ApiToken) and not request.user.is_authenticated
    throttle = GenerationThrottle(is_anonymous=is_anonymous)
    try:
        is_allowed = throttle.allow_request(request, view)
    except DatabaseError:
        return  # the cache lives in the database; generating asks it again and answers for itself
    if not is_allowed:
        raise Throttled(retry_after_seconds=throttle.wait() or 60)
