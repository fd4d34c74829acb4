"""Registers background tasks, users and groups in the theme of the other staff pages."""

from __future__ import annotations

from copy import copy
from typing import Any

from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django_q import admin as q_admin
from django_q.models import Failure, OrmQ, Schedule, Success
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from ttscache.monitoring.schedules import problem_of

for _model in (User, Group, Schedule, Success, Failure, OrmQ):
    admin.site.unregister(_model)


@admin.register(User)
class UserAdmin(auth_admin.UserAdmin, ModelAdmin):  # type: ignore[misc, type-arg]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class GroupAdmin(auth_admin.GroupAdmin, ModelAdmin):  # type: ignore[misc]
    pass


class ScheduleForm(ModelForm):  # type: ignore[type-arg]
    """Refuses what django-q2 cannot run: an impossible day, or arguments that it cannot read."""

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            shown = copy(self.instance)
            for name, value in given.items():
                setattr(shown, name, value)
            field, reason = problem_of(shown)
            if reason:
                self.add_error(field if field in self.fields else None, reason)
        return given


@admin.register(Schedule)
class ScheduleAdmin(q_admin.ScheduleAdmin, ModelAdmin):  # type: ignore[misc]
    """Operators may change when a task runs. Only superusers may change what runs: it can be any code."""

    form = ScheduleForm

    def get_readonly_fields(self, request: HttpRequest, obj: Schedule | None = None) -> tuple[str, ...]:
        given = tuple(super().get_readonly_fields(request, obj))
        is_admin = isinstance(request.user, User) and request.user.is_superuser
        return given if is_admin else (*given, "func", "hook", "args", "kwargs", "cluster")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return isinstance(request.user, User) and request.user.is_superuser


class EndedTaskAdmin(ModelAdmin):  # type: ignore[misc]
    """Only staff who may change tasks can run one again; django-q2 would let everyone who sees it."""

    actions = ("resubmit_task",)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = super().get_actions(request)
        if not self.has_change_permission(request):
            actions.pop("resubmit_task", None)
        return actions

    @admin.action(description="Resubmit selected tasks to queue")
    def resubmit_task(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Does what django-q2 does, which removes the row of a failed task, and logs each task."""
        chosen = list(queryset)
        for task in chosen:
            self.log_change(request, task, f"Run again: {task.func}.")
        q_admin.resubmit_task(self, request, chosen)
        self.message_user(request, "Run again: " + ", ".join(str(task) for task in chosen))


@admin.register(Success)
class SuccessAdmin(EndedTaskAdmin, q_admin.TaskAdmin):  # type: ignore[misc]
    pass


@admin.register(Failure)
class FailureAdmin(EndedTaskAdmin, q_admin.FailAdmin):  # type: ignore[misc]
    pass


@admin.register(OrmQ)
class QueueAdmin(q_admin.QueueAdmin, ModelAdmin):  # type: ignore[misc]
    pass
