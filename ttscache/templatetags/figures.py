"""How the dashboard writes its numbers."""

from __future__ import annotations

from datetime import datetime, timedelta

from django import template
from django.template.loader import render_to_string
from django.utils.formats import date_format
from django.utils.safestring import mark_safe
from django.utils.timezone import localtime

from ttscache.reports.scope import HOUR, WEEK, Scope
from ttscache.staff.wording import price

register = template.Library()
register.filter(price)


@register.filter
def percent(value: float | None) -> str:
    """ "-" where there is nothing; never rounded up to 100."""
    if value is None:
        return "-"
    text = f"{value:.1f}"
    if text == "100.0" and value < 100:
        return "99.9%" if value < 99.95 else f"{int(value * 100) / 100:.2f}%"
    return f"{text.removesuffix('.0')}%"


@register.filter
def points(value: float | None) -> str:
    return "" if value is None else f"{value:+.1f}"


@register.filter
def usd(value: float) -> str:
    """Cents where it is about a dollar or more; below that as many digits as tell something."""
    sign, amount = ("-" if value < 0 else ""), abs(value)
    if not amount:
        return "$0"
    if amount >= 0.99995:
        return f"{sign}${amount:,.2f}"
    text = f"{max(amount, 0.0001):.4f}"  # what was paid is never shown as nothing
    return f"{sign}${text[:4]}{text[4:].rstrip('0')}"


@register.filter
def number(value: int) -> str:
    return f"{value:,}"


@register.filter
def seconds(value: float | None) -> str:
    if value is None:
        return "-"
    if value < 120:
        return f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 7_200 else f"{value / 3_600:.0f} h"


@register.filter
def days(value: float) -> str:
    return f"{value:.0f} days" if value < 730 else f"{value / 365:.1f} years"


@register.simple_tag
def step(begin: datetime, scope: Scope) -> str:
    """The name of a step of time (UTC)."""
    if scope.range.step == HOUR:
        return date_format(begin, "j M, H:i")
    if scope.range.step == WEEK:
        last = min(begin + WEEK, scope.now) - timedelta(seconds=1)
        return f"{date_format(begin, 'j M')} to {date_format(last, 'j M Y')}"
    return date_format(begin, "j M Y")


def axis_name(begin: datetime, scope: Scope) -> str:
    """The short name of a step of time (UTC), for the axis of a chart."""
    return date_format(begin, "H:i" if scope.range.step == HOUR else "j M")


@register.filter
def at(when: datetime | None) -> str:
    """A moment in the person's time zone, which is named."""
    if when is None:
        return "-"
    here = localtime(when)
    return f"{date_format(here, 'j M Y, H:i')} {zone_name(here)}"


def zone_name(here: datetime) -> str:
    """The short name of the time zone; UTC and the distance where it has no letters of its own."""
    name = here.tzname() or "UTC"
    return f"UTC{name}" if name[:1] in "+-" else name


@register.simple_block_tag
def how(content: str, of: str) -> str:
    """The note "How is this counted?" with the text of the block. `of` tells screen readers which figure."""
    formula = mark_safe(" ".join(content.split()))  # noqa: S308 - the template has escaped its variables
    return render_to_string("ttscache/staff/how.html", {"of": of, "formula": formula})
