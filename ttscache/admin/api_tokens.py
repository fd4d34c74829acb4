"""The list of API tokens. Staff can only withdraw them here."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from ttscache.models import ApiToken
from ttscache.staff.pages import StaffAdmin


@admin.register(ApiToken)
class ApiTokenAdmin(StaffAdmin):
    """`manage.py api_token` makes a token and shows it once; deleting it here withdraws it."""

    list_display = ("name", "is_admin", "created_at")
    search_fields = ("name",)
    fields = ("name", "is_admin", "created_at")
    list_before_template = "ttscache/admin/token_note.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
