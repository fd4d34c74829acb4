"""What goes wrong outside a view: JSON for programs, a page for people."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase
from django.views import defaults

from ttscache.api import error_response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if _is_program(request):
        return error_response(400, "bad_request", "The request cannot be understood.")
    return defaults.bad_request(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if _is_program(request):
        return error_response(404, "not_found", "There is nothing at this address.")
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    if _is_program(request):
        return error_response(500, "server_error", "Something went wrong on this server.")
    return defaults.server_error(request)


def _is_program(request: HttpRequest) -> bool:
    return request.path.startswith(("/api/", "/v1/"))
