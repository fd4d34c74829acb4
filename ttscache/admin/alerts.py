"""The list of alerts: open ones, and resolved ones."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from ttscache.models import Alert
from ttscache.staff.badges import Badge
from ttscache.staff.pages import ReadOnlyAdmin, column
from ttscache.staff.wording import moment

ALERT_OPEN = Badge("Open", "notification_important", "danger")
ALERT_WATCHED = Badge(
    "Watched", "visibility", "neutral", "It may pass by itself. If it lasts, staff are told."
)
ALERT_OVER = Badge("Resolved", "check_circle", "success")


class OpenFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Open"), ("over", "Resolved")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Alert]) -> QuerySet[Alert]:
        if self.value() in ("open", "over"):
            return queryset.filter(over_at__isnull=self.value() == "open")
        return queryset


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    """Open and resolved alerts. Only the system writes them."""

    list_display = ("what", "standing", "says", "began", "ended", "mailed")
    list_display_links = None
    began = column("Since", "since", moment)
    ended = column("Resolved", "over_at", moment)
    mailed = column("Staff told", "mailed_at", moment)
    list_filter = ("kind", OpenFilter)
    list_before_template = "ttscache/admin/alert_note.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        told = {"recipients": settings.ALERT_EMAILS}
        return super().changelist_view(request, {**(extra_context or {}), **told})

    @admin.display(description="What", ordering="kind")
    def what(self, alert: Alert) -> str:
        return alert.get_kind_display()

    @admin.display(description="State", ordering="over_at")
    def standing(self, alert: Alert) -> SafeString:
        if alert.over_at is not None:
            return ALERT_OVER.html
        return (ALERT_OPEN if alert.due_at <= timezone.now() else ALERT_WATCHED).html
