"""GET /api/health: is this process alive? GET /readyz: is the site ready for work?"""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from ttscache.api.base import PublicView
from ttscache.monitoring import health


class HealthView(PublicView):
    """Answers without a query, so it works while the database is down."""

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        body = {
            "status": "healthy",
            "service": "life-review",
            "version": getattr(settings, "VERSION", ""),
            "commit": getattr(settings, "COMMIT", ""),
        }
        return Response(body, headers={"Cache-Control": "no-store"})


def readyz(request: HttpRequest) -> HttpResponse:
    """One line for each part; 503 if any part is not ready. A warning alone is still 200."""
    parts = health.parts()
    body = "".join(f"{part.name}: {_word(part)}, {part.detail}\n" for part in parts)
    status = 200 if all(part.is_ready for part in parts) else 503
    return HttpResponse(body, status=status, content_type="text/plain", headers={"Cache-Control": "no-store"})


def _word(part: health.Part) -> str:
    if not part.is_ready:
        return "NOT READY"
    return "WARNING" if part.is_warning else "ok"
