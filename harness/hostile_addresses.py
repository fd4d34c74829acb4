"""Addresses of staff lists and of the API with values that nobody sends by accident."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.urls import reverse

MANY_WORDS = "+".join(f"word{number}" for number in range(2_000))
HUGE = "9" * 23
VALUES = ("%00", HUGE, "99999999999999", "-1", "x")
LOOKUPS = ("", "__year", "__in")
ANYWHERE = (
    "q=%00", f"q={MANY_WORDS}", f"q={'x' * 7_000}", "q=%FF", f"q={HUGE}", "o=%00", f"o={HUGE}", "o=-1.x..",
    "p=-5", "p=%00", f"p={HUGE}", "all=%00", f"id={HUGE}", "id__exact=x", f"pk__in={HUGE},1", "e=1",
    "password__startswith=a",
    "_changelist_filters=%00",
)  # fmt: skip
API = (
    "/api/narratives?journey=%00", "/api/narratives?voice=%00", "/?journey=%00",
    "/api/schema?version=%00",
    "/api/schema?version=9", "/api/schema?format=%00", "/api/schema?lang=%00",
    "/api/docs", "/api/docs?lang=%00",
    "/api/cache-stats?x=%00", "/admin/jsi18n/?x=%00", "/admin/autocomplete/?term=%00", "/admin/?period=%00",
    f"/admin/?days={HUGE}&kind=%00", "/metrics?x=%00",
    "/api/audio/00000000000000000000000000000000.mp3?v=%00",
    "/api/warm-runs/%00", "/api/%00", "/%00", "/admin/%00", "/admin/login/?next=%00",
)  # fmt: skip


def staff_lists() -> dict[str, Any]:
    """The address of every list of the staff pages, with its page class."""
    return {
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"): page
        for model, page in admin.site._registry.items()
    }


def hostile_queries(page: Any) -> Iterator[str]:
    """Queries for one list: of any list, and of each of its own filters."""
    yield from ANYWHERE
    for name in _filter_names(page):
        for lookup in LOOKUPS:
            yield from (f"{name}{lookup}={value}" for value in VALUES)


def _filter_names(page: Any) -> list[str]:
    given = [each[0] if isinstance(each, tuple) else each for each in page.list_filter]
    names = [each if isinstance(each, str) else getattr(each, "parameter_name", None) for each in given]
    return sorted({name for name in (*names, page.date_hierarchy) if name})
