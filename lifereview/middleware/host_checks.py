"""Refuses a Host header that is none of ALLOWED_HOSTS, except from probes."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponsePermanentRedirect
from django.middleware.common import CommonMiddleware

# A program that looks after this site often knows its address only, which is none of ALLOWED_HOSTS.
PROBES = frozenset(["/api/health", "/readyz", "/metrics"])


class HostChecks(CommonMiddleware):
    """Django's middleware, which refuses a Host that is none of ALLOWED_HOSTS. Probes may send any Host."""

    def process_request(self, request: HttpRequest) -> HttpResponsePermanentRedirect | None:
        return None if request.path_info in PROBES else super().process_request(request)
