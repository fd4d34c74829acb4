"""Lets nginx send the bytes of a clip once this site has decided who gets them (X-Accel-Redirect)."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from ttscache.tiers import Entry
from ttscache.wiring import clip_links

# nginx says with this header that it can (deploy/nginx.conf), so that a direct caller always gets bytes.
# It says "again" when it asks for the bytes of a file that it did not find.
OFFER, IS_OFFERED, IS_RETRIED = "X-Clip-Links", "1", "again"
_LOCATION = "/clips-of-this-host/"  # internal in deploy/nginx.conf; nobody outside can ask for it
# nginx would judge these itself, without knowing the ETag that the site has already compared.
_UNSUITED = ("If-Match", "If-Unmodified-Since")


def was_offloaded(request: HttpRequest) -> bool:
    """Whether nginx repeats a request that it could not answer as it was told: it is counted already."""
    return request.headers.get(OFFER) == IS_RETRIED


def offload(request: HttpRequest, entry: Entry, response: HttpResponseBase) -> HttpResponseBase:
    """Replace the body by the place where nginx finds it. nginx cuts out the requested range by itself.

    Count the request before. It changes nothing unless the settings say that nginx sends private clips, and
    this nginx has offered it.
    """
    links = clip_links()
    # nginx would not ignore a range that the site ignores.
    is_same_range = response.status_code == (206 if "Range" in request.headers else 200)
    if links is None or not links.are_private_linked or request.method != "GET" or not is_same_range:
        return response
    if request.headers.get(OFFER) != IS_OFFERED or any(name in request.headers for name in _UNSUITED):
        return response
    path = links.path_of(entry)
    if not path:
        return response
    handed_on = HttpResponse(headers={"X-Accel-Redirect": f"{_LOCATION}{path}"})
    # nginx says by itself that a whole clip may be had in parts; twice would be once too often.
    by_nginx = {
        "Content-Length",
        "Content-Range",
        *(["Accept-Ranges"] if response.status_code == 200 else []),
    }
    for name, value in response.headers.items():
        if name not in by_nginx:
            handed_on[name] = value
    return handed_on
