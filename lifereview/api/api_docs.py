"""The pages that describe the API."""

from __future__ import annotations

from typing import Any

from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_control
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.request import Request

# Without it a cache may choose a time of its own (RFC 9111, section 4.2.2).
_for_some_minutes = method_decorator(cache_control(max_age=300), name="dispatch")


@_for_some_minutes
class ApiSchemaView(SpectacularAPIView):
    """The schema itself."""


@_for_some_minutes
class ApiDocsView(SpectacularSwaggerView):
    """Takes GET and HEAD only: its template cannot show the answer to OPTIONS."""

    http_method_names = ["get", "head"]  # noqa: RUF012 - Django declares it without ClassVar

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        answer = super().finalize_response(request, response, *args, **kwargs)
        # drf-spectacular opens the page to the windows of OAuth, which this site does not use.
        answer["Cross-Origin-Opener-Policy"] = "same-origin"
        return answer
