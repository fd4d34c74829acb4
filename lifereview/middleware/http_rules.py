"""Rules of HTTP: the Content-Security-Policy, no body for HEAD, no change while nothing can be written."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from ttscache.conf import conf
from ttscache.delivery.http import Handler

# The admin's Alpine evaluates expressions and its pages carry inline styles; API docs bring inline scripts.
_RELAXED = "; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'"

ONLY_PLAYING = "This site cannot save anything just now; it only plays what it has. Please try again later."


def content_security_policy(get_response: Handler) -> Handler:
    """Content-Security-Policy (W3C CSP Level 3): strict for listeners, relaxed for admin and API docs."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        is_relaxed = request.path_info.startswith(("/admin/", "/api/docs"))
        policy = _policy(conf().cdn_origin) + (_RELAXED if is_relaxed else "")
        response.headers.setdefault("Content-Security-Policy", policy)
        return response

    return answer


def refuse_changes(get_response: Handler) -> Handler:
    """Refuse what would change something while nothing can be written. What needs no change is answered.

    The API answers for itself: there a text that is on record plays, whatever the method.
    """

    def answer(request: HttpRequest) -> HttpResponseBase:
        is_api = request.path_info.startswith(("/api/", "/v1/"))
        if is_api or request.method in ("GET", "HEAD", "OPTIONS"):
            return get_response(request)
        return HttpResponse(ONLY_PLAYING, status=503, content_type="text/plain; charset=utf-8")

    return answer


def _policy(sound_from: str) -> str:
    """Allow everything from this site, and sound also from the CDN."""
    sounds = f"'self' {sound_from}" if sound_from else "'self'"
    return (
        f"default-src 'self'; img-src 'self' data:; media-src {sounds} blob: data:; connect-src {sounds}; "
        "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    )


def bodiless_head(get_response: Handler) -> Handler:
    """Answer HEAD with the length of the body, but without the body (RFC 9110, section 9.3.2)."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if request.method == "HEAD" and isinstance(response, HttpResponse) and response.content:
            response.headers.setdefault("Content-Length", str(len(response.content)))
            response.content = b""
        return response

    return answer
