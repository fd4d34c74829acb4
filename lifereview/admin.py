"""Registers background tasks, users and groups in the theme of the other staff pages."""

from __future__ import annotations

from copy import copy
from typing import Any

from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_q import admin as q_admin
from django_q.models import Failure, OrmQ, Schedule, Success
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.forms import AdminPasswordChangeForm, UserChangeForm

from lifereview.accounts.colleagues import ColleagueForm, link_days, mail_link, password_link, role_of
from ttscache.monitoring.schedules import problem_of

for _model in (User, Group, Schedule, Success, Failure, OrmQ):
    admin.site.unregister(_model)
# Their pages would show the secret of a colleague's second factor.
for _device in (TOTPDevice, StaticDevice):
    if admin.site.is_registered(_device):
        admin.site.unregister(_device)

# Words of the menu for models of other packages. Set here and not in a class, so they make no migration.
for _model, _one, _several in (
    (User, "colleague", "staff"),
    (Schedule, "scheduled task", "scheduled tasks"),
    (OrmQ, "queued task", "queued tasks"),
    (Failure, "failed task", "failed tasks"),
    (Success, "done task", "done tasks"),
):
    _model._meta.verbose_name, _model._meta.verbose_name_plural = _one, _several
User._meta.app_config.verbose_name = "Access"


@admin.register(User)
class UserAdmin(auth_admin.UserAdmin, ModelAdmin):  # type: ignore[misc, type-arg]
    """Colleagues: name, mail address and role. `?rights=all` on a person's page shows each single right."""

    form = ColleagueForm
    add_form = ColleagueForm
    add_form_template = None
    change_password_form = AdminPasswordChangeForm
    list_display = ("name", "email", "role", "is_active", "last_login")
    list_filter = ("is_active", "groups")
    search_fields = ("first_name", "last_name", "email", "username")
    fieldsets = ((None, {"fields": ("name", "email", "role", "is_active")}),)
    add_fieldsets = ((None, {"fields": ("name", "email", "role")}),)
    readonly_fields = ()
    actions_detail = ("password_link",)

    @admin.display(description="name", ordering="first_name")
    def name(self, user: User) -> str:
        return user.get_full_name() or user.username

    @admin.display(description="role")
    def role(self, user: User) -> str:
        return role_of(user) or "Own rights"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")

    def _shows_all_rights(self, request: HttpRequest) -> bool:
        return request.GET.get("rights") == "all" and _is_superuser(request)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if self._shows_all_rights(request):
            return super().get_form(request, obj, change=change, **{**kwargs, "form": UserChangeForm})
        form = super().get_form(request, obj, change=change, **kwargs)
        return type("ColleagueFormOf", (form,), {"giver": request.user})

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None and self._shows_all_rights(request):
            return auth_admin.UserAdmin.fieldsets
        return super().get_fieldsets(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only an administrator changes an administrator."""
        is_above = isinstance(obj, User) and obj.is_superuser and not _is_superuser(request)
        return not is_above and super().has_change_permission(request, obj)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        if isinstance(form, ColleagueForm):
            form.save_role()
        else:
            super().save_related(request, form, formsets, change)

    def response_add(self, request: HttpRequest, obj: User, post_url_continue: Any = None) -> HttpResponse:
        return self._link_page(request, obj)

    @action(description="Link for a new password", url_path="password-link", permissions=["change"])  # type: ignore[untyped-decorator]
    def password_link(self, request: HttpRequest, object_id: str) -> HttpResponse:
        user = self.get_object(request, object_id)
        if user is None or not self.has_change_permission(request, user):
            raise PermissionDenied
        self.log_change(request, user, "Made a link for a new password.")
        return self._link_page(request, user)

    def _link_page(self, request: HttpRequest, user: User) -> HttpResponse:
        """Show the link, which is mailed as well where mail is set up."""
        link = password_link(request, user)
        context = {
            **self.admin_site.each_context(request),
            "title": f"A link for {user.get_full_name()}",
            "link": link,
            "is_mailed": mail_link(user, link),
            "colleague": user,
            "days": link_days(),
        }
        return TemplateResponse(
            request, "admin/auth/user/link.html", context, headers={"Cache-Control": "no-store"}
        )


def _is_superuser(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.is_superuser


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
        return given if _is_superuser(request) else (*given, "func", "hook", "args", "kwargs", "cluster")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return _is_superuser(request)

    @admin.display(description="last run")
    def get_last_run(self, schedule: Schedule) -> Any:
        return super().get_last_run(schedule)  # django-q2 heads this column "last_run"


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
