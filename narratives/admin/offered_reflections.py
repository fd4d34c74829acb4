"""The reflections that the model may choose again: how often each is heard, and what may be offered."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from narratives.admin.permissions import has_publish_right
from narratives.models import BankReflection, OfferedReflection
from ttscache.staff.pages import StaffAdmin


@admin.register(OfferedReflection)
class OfferedReflectionAdmin(StaffAdmin):
    """Nobody writes here: the words are those that listeners have heard."""

    list_display = (
        "text",
        "theme",
        "times_heard",
        "times_chosen",
        "is_offered",
        "fits_heavy",
        "last_heard_at",
    )
    list_filter = ("is_offered", "fits_heavy", "theme", "language")
    search_fields = ("text",)
    fields = (
        "text",
        ("theme", "language"),
        ("times_heard", "times_chosen", "last_heard_at"),
        ("is_offered", "fits_heavy"),
    )
    readonly_fields = ("text", "theme", "language", "times_heard", "times_chosen", "last_heard_at")
    actions = ("take_out", "offer_again", "mark_as_fit", "remove_mark")
    list_before_template = "admin/narratives/offers_note.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Require the right to publish as well, because a change here changes what listeners hear."""
        return bool(super().has_change_permission(request, obj)) and has_publish_right(request)

    @admin.action(description="Take out of the offer", permissions=["change"])
    def take_out(self, request: HttpRequest, queryset: QuerySet[OfferedReflection]) -> None:
        self._decide(request, queryset, "Taken out of the offer.", is_offered=False)

    @admin.action(description="Offer again", permissions=["change"])
    def offer_again(self, request: HttpRequest, queryset: QuerySet[OfferedReflection]) -> None:
        self._decide(request, queryset, "Offered again.", is_offered=True)

    @admin.action(description="Mark as fit after a hard answer", permissions=["change"])
    def mark_as_fit(self, request: HttpRequest, queryset: QuerySet[OfferedReflection]) -> None:
        self._decide(request, queryset, "Marked as fit after a hard answer.", fits_heavy=True)
        never = BankReflection.AfterHeavy.NEVER
        of_bank = BankReflection.objects.filter(text__in=queryset.values("text"), after_heavy=never).count()
        if of_bank:
            says = f"In the reflection bank, without this mark: {of_bank} of these. Set it there as well."
            self.message_user(request, says, messages.WARNING)

    @admin.action(description="Remove the mark “fit after a hard answer”", permissions=["change"])
    def remove_mark(self, request: HttpRequest, queryset: QuerySet[OfferedReflection]) -> None:
        says = "No longer marked as fit after a hard answer."
        self._decide(request, queryset, says, fits_heavy=False)

    def _decide(
        self, request: HttpRequest, chosen: QuerySet[OfferedReflection], says: str, **decision: bool
    ) -> None:
        for offered in chosen:
            OfferedReflection.objects.filter(pk=offered.pk).update(**decision)
            self.log_change(request, offered, says)
        self.message_user(request, says, messages.SUCCESS)
