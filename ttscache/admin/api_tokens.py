"""API tokens: made and shown once, limited, withdrawn."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse

from ttscache.models import ApiToken, TokenScope
from ttscache.staff.pages import StaffAdmin

# The rights that a token gives, and the permission that its maker needs for each.
_RIGHTS = {
    "may_speak": "ttscache.make_clip",
    "may_read_figures": "ttscache.view_usage",
    "is_admin": "ttscache.prune_clip",
}


@admin.register(ApiToken)
class ApiTokenAdmin(StaffAdmin):
    """A new token is shown on the page that answers its form, and nowhere else. Nobody gives a right that
    they do not have."""

    list_display = ("name", "rights", "last_used_at", "expires_at", "withdrawn_at")
    list_filter = ("may_speak", "may_read_figures", "is_admin")
    search_fields = ("name",)
    fields = (
        "name",
        ("may_speak", "may_read_figures", "is_admin"),
        "expires_at",
        ("daily_budget_usd", "rate_a_minute"),
        ("created_at", "last_used_at", "withdrawn_at"),
    )
    readonly_fields = ("created_at", "last_used_at", "withdrawn_at")
    list_before_template = "ttscache/admin/token_note.html"
    actions: ClassVar = ["withdraw"]

    @admin.display(description="may")
    def rights(self, token: ApiToken) -> str:
        return ", ".join(str(TokenScope(name).label).lower() for name in token.scopes)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        for name, permission in _RIGHTS.items():
            field: forms.Field | None = form.base_fields.get(name)
            if field is not None and not request.user.has_perm(permission):
                # Django ignores what is posted for a disabled field.
                field.disabled, field.initial = True, False
        return form

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        is_withdrawn = isinstance(obj, ApiToken) and obj.withdrawn_at is not None
        return not is_withdrawn and super().has_change_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        if not change:
            request.new_token = obj.renew()  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    def response_add(
        self, request: HttpRequest, obj: ApiToken, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the token once: not in a message, which the browser would keep."""
        page = self.show(
            request,
            "ttscache/admin/new_token.html",
            title=f"The token of {obj.name}",
            token=request.new_token,  # type: ignore[attr-defined]
        )
        page["Cache-Control"] = "no-store"
        return page

    @admin.action(description="Withdraw", permissions=["change"])
    def withdraw(self, request: HttpRequest, chosen: QuerySet[ApiToken]) -> None:
        withdrawn = [token for token in chosen if token.withdraw()]
        for token in withdrawn:
            self.log_change(request, token, "Withdrawn.")
        says = f"{len(withdrawn)} withdrawn. They end within seconds and cannot be used again."
        self.message_user(request, says, messages.SUCCESS)
