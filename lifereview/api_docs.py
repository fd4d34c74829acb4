"""The pages that describe the API."""

from __future__ import annotations

from typing import ClassVar

from drf_spectacular.views import SpectacularSwaggerView


class ApiDocsView(SpectacularSwaggerView):
    """Takes GET and HEAD only: its template cannot show the answer to OPTIONS."""

    http_method_names: ClassVar = ["get", "head"]
