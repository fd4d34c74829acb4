"""The callers that may use the API: bearer tokens (RFC 6750) and staff sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from ttscache.conf import conf
from ttscache.models import ApiToken, TokenScope

if TYPE_CHECKING:
    from rest_framework.views import APIView


class ApiTokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer <token>`. A token has no user: `request.auth` is its record."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ApiToken] | None:
        token = token_of(request)
        return None if token is None else (AnonymousUser(), token)

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def token_of(request: Request | HttpRequest) -> ApiToken | None:
    """The record of the caller's token, or None without one. Raises AuthenticationFailed and Error."""
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


def may_spend(request: Request) -> bool:
    """Whether the caller may have a clip made that nobody has published: a token, or staff with the right."""
    if isinstance(request.auth, ApiToken):
        return request.auth.allows(TokenScope.SPEECH)
    return _is_staff_with("ttscache.make_clip", request)


def _is_staff_with(right: str, request: Request) -> bool:
    user = request.user
    return bool(user and user.is_staff and user.has_perm(right))


class MaySpend(BasePermission):
    """Staff with the right, and holders of a token with the scope."""

    message = "This needs an API token, or a staff account that may have clips made."
    scope = TokenScope.SPEECH
    right = "ttscache.make_clip"

    def has_permission(self, request: Request, view: APIView) -> bool:
        if isinstance(request.auth, ApiToken):
            if not request.auth.allows(self.scope):
                raise PermissionDenied("This API token may not be used for this.")
            return True
        return _is_staff_with(self.right, request)


class MayReadFigures(MaySpend):
    message = "This needs an API token, or a staff account that may see figures."
    scope = TokenScope.STATS
    right = "ttscache.view_usage"


class MayPrune(BasePermission):
    """Staff with the permission, or the holder of an admin token."""

    message = "This needs an admin API token, or a staff account that may remove clips."

    def has_permission(self, request: Request, view: APIView) -> bool:
        if isinstance(request.auth, ApiToken):
            return request.auth.is_admin
        return _is_staff_with("ttscache.prune_clip", request)


class MaySpendUnlessOpen(MaySpend):
    """Lets callers who may have clips made pass, or everyone if TTS_ALLOW_ANONYMOUS_TEXT is set."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return conf().allow_anonymous_text or super().has_permission(request, view)


class MayReadFiguresUnlessOpen(MayReadFigures):
    """Lets callers who may see figures pass, or everyone if TTS_ALLOW_ANONYMOUS_TEXT is set."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return conf().allow_anonymous_text or super().has_permission(request, view)
