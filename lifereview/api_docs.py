"""The pages that describe the API."""

from __future__ import annotations

from drf_spectacular.views import SpectacularSwaggerView


class ApiDocsView(SpectacularSwaggerView):
    """Takes GET and HEAD only: its template cannot show the answer to OPTIONS."""

    http_method_names = ["get", "head"]  # noqa: RUF012 - Django declares it without ClassVar
