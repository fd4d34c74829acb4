"""Refuses addresses with values that no part of this site could use, before they reach a query.

PostgreSQL cannot store a NUL, SQLite no number of more than 64 bits, and Python has no year 10000. Without
this, each list of the staff pages would answer such a value with a server error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from django.http import HttpRequest, HttpResponseBase

from lifereview.error_pages import unusable_address
from ttscache.delivery.http import Handler

MOST_SEARCH_WORDS = 40  # each is looked for in every field of a list, so the work grows with both
MOST_SEARCH_CHARACTERS = 1_000

_HAS_NUL = "The address holds a NUL character."
_HUGE_NUMBER = re.compile(r"[+-]?\d{19,}")  # 64 bits hold every number of 18 digits
_YEAR = re.compile(r"0*[1-9]\d{0,3}")


def refuse_unusable_addresses(get_response: Handler) -> Handler:
    """Answer 400 with the reason instead of asking the site."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        problem = _problem(request)
        return unusable_address(request, problem) if problem else get_response(request)

    return answer


def _problem(request: HttpRequest) -> str:
    if "\0" in request.path_info or "%00" in request.META.get("QUERY_STRING", ""):
        return _HAS_NUL
    if any("\0" in value for value in request.COOKIES.values()):
        return "A cookie holds a NUL character."
    if not request.path_info.startswith("/admin/"):
        return ""
    return next(_problems_of_a_list(request), "")


def _problems_of_a_list(request: HttpRequest) -> Iterator[str]:
    searched = request.GET.get("q", "")
    if len(searched) > MOST_SEARCH_CHARACTERS or len(searched.split()) > MOST_SEARCH_WORDS:
        yield f"Search for at most {MOST_SEARCH_WORDS} words and {MOST_SEARCH_CHARACTERS} characters."
    for name, values in request.GET.lists():
        for value in ",".join(values).split(","):
            if name != "q" and _HUGE_NUMBER.fullmatch(value.strip()):
                yield "The address holds a number that is too large."
            if name.endswith("__year") and not _YEAR.fullmatch(value.strip()):
                yield "The address asks for a year that does not exist."
    if request.method == "POST" and any("\0" in value for value in request.POST.getlist("_selected_action")):
        yield "The form holds a NUL character."
