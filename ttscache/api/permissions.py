"""The rights of a caller: to have clips made, to see figures, to prune."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from ttscache.conf import conf
from ttscache.models import ApiToken, TokenScope

if TYPE_CHECKING:
    from rest_framework.views import APIView


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
