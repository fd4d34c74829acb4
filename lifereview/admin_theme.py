"""Theme of the staff pages (django-unfold): names, colours and the sidebar."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy


def _group(title: str, *items: dict[str, Any], **look: Any) -> dict[str, Any]:
    return {"title": title, **look, "items": list(items)}


def _page(title: str, icon: str, model: str) -> dict[str, Any]:
    """A line of the sidebar, shown to staff who may view its model (`app_label.name`)."""
    app_label, name = model.split(".")
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app_label}_{name}_changelist"),
        "permission": lambda request: request.user.has_perm(f"{app_label}.view_{name}"),
    }


def _outside(title: str, icon: str, route: str) -> dict[str, Any]:
    """A line that leads out of the staff pages, so it is never marked as the current page."""
    return {"title": title, "icon": icon, "link": reverse_lazy(route), "active": lambda request: False}


def budget_badge(request: HttpRequest) -> list[str] | None:
    """The badge beside the title of every staff page: demo data, or that the day's money is spent."""
    from ttscache.accounting.budget import budget_today  # settings import this file before apps are loaded
    from ttscache.conf import conf

    if conf().has_demo_data:
        return ["Demo data", "info"]
    if conf().daily_budget_usd is None or not request.user.is_authenticated:
        return None
    return ["Today's budget is spent", "warning"] if budget_today().is_spent else None


# The listener page's green. 600 on white and white on 600 have a contrast of 7.1:1 (WCAG AAA).
GREEN = {
    "50": "#eefaf8",
    "100": "#d3f1ec",
    "200": "#a9e2da",
    "300": "#8fd3c8",
    "400": "#5ebbb0",
    "500": "#3fa59b",
    "600": "#185f66",
    "700": "#12494f",
    "800": "#0f3b40",
    "900": "#0d3135",
    "950": "#0b2522",
}

SIDEBAR = [
    _group(
        "Stories",
        _page("Journeys", "route", "narratives.journey"),
        _page("Narratives", "menu_book", "narratives.narrative"),
        _page("Reflection bank", "favorite", "narratives.bankreflection"),
        _page("Offered reflections", "repeat", "narratives.offeredreflection"),
        _page("Lexicon", "record_voice_over", "narratives.pronunciation"),
    ),
    _group(
        "Sound",
        _page("Voices", "artist", "ttscache.rendition"),
        _page("Clips", "graphic_eq", "ttscache.clip"),
        _page("Audio jobs", "local_fire_department", "ttscache.warmrun"),
        _page("Clean-ups", "delete_sweep", "ttscache.prunerun"),
    ),
    _group(
        "Figures",
        _page("Alerts", "notification_important", "ttscache.alert"),
        _page("Usage", "bar_chart", "ttscache.usage"),
        _page("Time to sound", "timer", "ttscache.playbackstart"),
        _page("Spending", "payments", "ttscache.spending"),
    ),
    _group(
        "Operation",
        _page("Scheduled tasks", "schedule", "django_q.schedule"),
        _page("Queued tasks", "pending_actions", "django_q.ormq"),
        _page("Failed tasks", "error", "django_q.failure"),
        _page("Done tasks", "task_alt", "django_q.success"),
    ),
    _group(
        "Access",
        _page("Staff", "person", "auth.user"),
        _page("Groups", "group", "auth.group"),
        _page("API tokens", "key", "ttscache.apitoken"),
        {"title": "My settings", "icon": "tune", "link": reverse_lazy("my_settings")},
    ),
    _group(
        "Elsewhere",
        _outside("Listener page", "headphones", "listener"),
        _outside("API documentation", "api", "docs"),
        separator=True,
    ),
]

UNFOLD = {
    "SITE_TITLE": "Life Review",
    "SITE_HEADER": "Life Review",
    "SITE_SUBHEADER": "Staff pages",
    "SITE_SYMBOL": "graphic_eq",
    "SITE_URL": reverse_lazy("listener"),
    "SHOW_BACK_BUTTON": True,
    "ENVIRONMENT": "lifereview.admin_theme.budget_badge",
    "DASHBOARD_CALLBACK": "ttscache.admin.dashboard.page.dashboard_callback",
    "STYLES": [
        lambda request: static("ttscache/staff.css"),
        lambda request: static("ttscache/dashboard.css"),
        lambda request: static("narratives/admin.css"),
    ],
    "SCRIPTS": [
        lambda request: static("ttscache/reachable.js"),
        lambda request: static("ttscache/staff.js"),
        lambda request: static("narratives/admin.js"),
    ],
    "COLORS": {"primary": GREEN},
    "SIDEBAR": {"navigation": SIDEBAR},
}
