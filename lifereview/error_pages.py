"""Answers errors outside a view: JSON for programs, a page for people."""

from __future__ import annotations

import sys

from django.db import Error
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template import loader
from django.views import defaults

from ttscache.api.errors import error_response
from ttscache.api.gateway.errors import error_body
from ttscache.errors import StoreUnavailable

RETRY_SECONDS = 5


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if _is_program(request):
        return _told(request, 400, "bad_request", "The request cannot be understood.")
    return _never_kept(defaults.bad_request(request, exception))


def unusable_address(request: HttpRequest, sentence: str) -> HttpResponse:
    """Answer 400 to an address whose values no part of this site could use, and say why."""
    if _is_program(request):
        return _told(request, 400, "bad_request", sentence)
    headers = {"Cache-Control": "no-store"}
    return HttpResponse(sentence, status=400, content_type="text/plain; charset=utf-8", headers=headers)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if _is_program(request):
        return _told(request, 404, "not_found", "There is nothing at this address.")
    return _never_kept(defaults.page_not_found(request, exception))


def server_error(request: HttpRequest) -> HttpResponseBase:
    if isinstance(sys.exception(), Error):
        return _store_unavailable(request)
    if _is_program(request):
        return _told(request, 500, "server_error", "Something went wrong on this server.")
    return _never_kept(defaults.server_error(request))


def _never_kept(page: HttpResponseBase) -> HttpResponseBase:
    """Tell caches not to keep the page. Without this they may keep a 404 (RFC 9111, section 4.2.2)."""
    page["Cache-Control"] = "no-store"
    return page


def _store_unavailable(request: HttpRequest) -> HttpResponseBase:
    """Answer 503 with Retry-After (RFC 9110, section 15.6.4): the database will probably be back soon."""
    if _is_program(request):
        response = _told(request, 503, StoreUnavailable.code, StoreUnavailable.sentence)
    else:
        page = loader.get_template("unavailable.html")
        response = HttpResponse(page.render(), status=503, headers={"Cache-Control": "no-store"})
    response["Retry-After"] = str(RETRY_SECONDS)
    return response


def _told(request: HttpRequest, status: int, code: str, sentence: str) -> HttpResponse:
    """An error for a program, in the shape of the API that it called."""
    if request.path_info.startswith("/v1/"):
        return error_body(status, sentence, code=code)
    return error_response(status, code, sentence)


def _is_program(request: HttpRequest) -> bool:
    return request.path_info.startswith(("/api/", "/v1/"))
