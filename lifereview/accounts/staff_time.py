"""Staff read times in their own time zone. Days of the budget and steps of the charts stay UTC and say so."""

from __future__ import annotations

from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.contrib import messages
from django.contrib.admin import site
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from unfold.widgets import UnfoldAdminSelectWidget

from lifereview.models import StaffSettings
from ttscache.delivery.http import Handler

IN_SESSION = "time_zone"  # so that a staff page costs no query for it
DEFAULT = "UTC"


@cache
def zones() -> tuple[str, ...]:
    """The zones to choose from. They are read from hundreds of files, so not at the start of each process.

    The Etc zones have their signs turned round; the others without a continent are old names.
    """
    names = (name for name in available_timezones() if "/" in name and not name.startswith("Etc/"))
    return (DEFAULT, *sorted(names))


def staff_time_zone(get_response: Handler) -> Handler:
    """Show the times of staff pages in the zone that the signed-in person has chosen."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith("/admin/") or not request.user.is_authenticated:
            return get_response(request)
        with timezone.override(ZoneInfo(_zone_of(request))):
            return get_response(request)

    return answer


def _zone_of(request: HttpRequest) -> str:
    name = request.session.get(IN_SESSION)
    if name is None:
        chosen = StaffSettings.objects.filter(user=request.user.pk).values_list("time_zone", flat=True)
        name = request.session[IN_SESSION] = chosen.first() or DEFAULT
    return name if name in zones() else DEFAULT


class TimeZoneForm(forms.Form):
    time_zone = forms.ChoiceField(
        label="Show times in",
        choices=lambda: [(name, name.replace("_", " ")) for name in zones()],
        widget=UnfoldAdminSelectWidget,
        help_text="Days of the budget and of the charts stay those of UTC.",
    )


@staff_member_required
def my_settings(request: HttpRequest) -> HttpResponse:
    """Let a staff user choose the time zone."""
    assert isinstance(request.user, User)
    form = TimeZoneForm(request.POST or None, initial={"time_zone": _zone_of(request)})
    if request.method == "POST" and form.is_valid():
        chosen = form.cleaned_data["time_zone"]
        StaffSettings.objects.update_or_create(user=request.user, defaults={"time_zone": chosen})
        request.session[IN_SESSION] = chosen
        messages.success(request, f"Times are shown in {chosen.replace('_', ' ')}.")
        return redirect("my_settings")
    context = {**site.each_context(request), "title": "My settings", "form": form}
    return TemplateResponse(request, "admin/my_settings.html", context)
