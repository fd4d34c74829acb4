"""The callers that may use the API: bearer tokens (RFC 6750) and staff sessions."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from ttscache.models import ApiToken


class ApiTokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer <token>`. A token has no user: `request.auth` is its record."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ApiToken] | None:
        token = token_of(request)
        return None if token is None else (AnonymousUser(), token)

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def token_of(request: Request | HttpRequest) -> ApiToken | None:
    """The record of the caller's token, or None without one. Raises AuthenticationFailed and Error.

    `ApiToken.verified` looks at its digest, its end and whether it was withdrawn.
    """
    scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    found = ApiToken.verified(token.strip())
    if found is None:
        raise AuthenticationFailed("This token is unknown, withdrawn or expired.")
    return found


def has_credentials(request: Request | HttpRequest) -> bool:
    """Whether the caller sent a token or a session cookie, valid or not. Costs no query."""
    return "Authorization" in request.headers or settings.SESSION_COOKIE_NAME in request.COOKIES


def is_trusted(request: Request) -> bool:
    if not has_credentials(request):
        return False  # reading the session would add `Vary: Cookie`, and no shared cache could keep the clip
    return isinstance(request.auth, ApiToken) or bool(request.user and request.user.is_staff)
