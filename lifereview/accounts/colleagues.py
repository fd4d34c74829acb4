"""Colleagues: a staff user made from name, mail address and role, and the link that lets them sign in.

A role is one of the groups that come with the project. The link is the one of Django's password reset; it
ends after PASSWORD_RESET_TIMEOUT, and once a password is set.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial
from smtplib import SMTPException
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.admin import site
from django.contrib.auth import forms as auth_forms
from django.contrib.auth import views
from django.contrib.auth.models import Group, Permission, User
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import EmailMessage
from django.http import HttpRequest
from django.template import loader
from django.urls import reverse, reverse_lazy
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from rest_framework.request import Request
from rest_framework.views import APIView
from unfold.widgets import (
    UnfoldAdminEmailInputWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from ttscache.api.throttling import check_rate
from ttscache.connections import start_thread
from ttscache.errors import Throttled

logger = logging.getLogger(__name__)

ROLES = {
    "Editor": "writes and changes texts, and cannot publish",
    "Publisher": "writes texts, publishes them, and has audio made, which costs money",
    "Analyst": "reads the dashboard and the figures",
    "Operator": "keeps the site running: audio jobs, clean-ups, API tokens",
}
ALL_RIGHTS = "Administrator"


# --- the form of a colleague ------------------------------------------------------------------------------
class ColleagueForm(forms.ModelForm):  # type: ignore[type-arg]
    """Name, mail address and role. A new colleague signs in with the mail address."""

    name = forms.CharField(max_length=150, widget=UnfoldAdminTextInputWidget)
    email = forms.EmailField(label="Mail address", max_length=150, widget=UnfoldAdminEmailInputWidget)
    role = forms.ChoiceField(widget=UnfoldAdminRadioSelectWidget)
    is_active = forms.BooleanField(
        label="May sign in", required=False, initial=True, widget=UnfoldBooleanSwitchWidget
    )

    class Meta:
        model = User
        fields = ("email", "is_active")

    giver: User  # who fills in the form; the staff page sets it

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        role = self.fields["role"]
        assert isinstance(role, forms.ChoiceField)
        role.choices = [(name, f"{name}: {does}") for name, does in _roles_of(self.giver)]
        if self.instance.pk:
            self.initial.update(name=self.instance.get_full_name(), role=role_of(self.instance))
            if self.initial["role"] not in dict(role.choices):  # rights of their own: they stay as they are
                role.required = False
                role.help_text = "Leave it empty to keep this person's own rights."

    def clean_email(self) -> str:
        address = str(self.cleaned_data["email"]).lower()
        others = User.objects.exclude(pk=self.instance.pk)
        if (others.filter(email__iexact=address) | others.filter(username__iexact=address)).exists():
            raise forms.ValidationError("Somebody with this mail address is on the staff already.")
        return address

    def save(self, commit: bool = True) -> User:
        user: User = super().save(commit=False)
        user.first_name, user.last_name = self.cleaned_data["name"].strip(), ""
        user.is_staff = True
        if user.pk is None:
            user.username = user.email
            user.set_unusable_password()
        if commit:
            user.save()
            self.save_role()
        return user

    def save_role(self) -> None:
        """Give the role in place of the former one. Groups that are no roles stay."""
        if self.cleaned_data["role"]:
            self.instance.groups.remove(*Group.objects.filter(name__in=ROLES))
            self.instance.groups.add(Group.objects.get(name=self.cleaned_data["role"]))


def role_of(user: User) -> str:
    """The role, "Administrator" with all rights, or an empty string for rights of their own."""
    if user.is_superuser:
        return ALL_RIGHTS
    held = [group.name for group in user.groups.all() if group.name in ROLES]
    return held[0] if len(held) == 1 else ""


def _roles_of(giver: User) -> Iterable[tuple[str, str]]:
    """The roles that this person may give: those whose rights they have. Groups may be gone."""
    groups = Group.objects.filter(name__in=ROLES).prefetch_related("permissions__content_type")
    for group in sorted(groups, key=lambda each: list(ROLES).index(each.name)):
        if giver.is_superuser or giver.has_perms([_named(each) for each in group.permissions.all()]):
            yield group.name, ROLES[group.name]


def _named(permission: Permission) -> str:
    return f"{permission.content_type.app_label}.{permission.codename}"


# --- the link ---------------------------------------------------------------------------------------------
def password_link(request: HttpRequest, user: User) -> str:
    """The address on which this person sets a password."""
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    token = default_token_generator.make_token(user)
    return request.build_absolute_uri(reverse("password_reset_confirm", args=[uid, token]))


def link_days() -> int:
    return int(settings.PASSWORD_RESET_TIMEOUT) // 86_400


def mail_link(user: User, link: str) -> bool:
    """Mail the link to a new colleague; False if no mail server is set or it does not take the mail."""
    if not settings.IS_MAIL_SET_UP:
        return False
    context = {"name": user.get_full_name(), "link": link, "days": link_days(), "username": user.username}
    body = loader.render_to_string("registration/welcome_mail.txt", context)
    return _send(EmailMessage("Your access to Life Review", body, to=[user.email]))


# --- a forgotten password ---------------------------------------------------------------------------------
class ForgottenPasswordForm(auth_forms.PasswordResetForm):
    """Mails the link also to staff who have never set a password.

    The mail is sent aside: an answer that waits for the mail server would tell who is on the staff.
    """

    email = forms.EmailField(label="Mail address", max_length=254, widget=UnfoldAdminEmailInputWidget)

    def get_users(self, email: str) -> Iterable[User]:
        return User.objects.filter(email__iexact=email, is_active=True, is_staff=True)

    def send_mail(  # noqa: PLR0917 - Django's signature
        self,
        subject_template_name: str,
        email_template_name: str,
        context: dict[str, Any],
        from_email: str | None,
        to_email: str,
        html_email_template_name: str | None = None,
    ) -> None:
        subject = loader.render_to_string(subject_template_name, context).strip()
        body = loader.render_to_string(email_template_name, context)
        mail = EmailMessage(subject, body, from_email, [to_email])
        start_thread(partial(_send, mail), name="password mail")


def _send(mail: EmailMessage) -> bool:
    """Send the mail; False if the mail server does not take it."""
    try:
        mail.send()
    except (SMTPException, OSError) as error:
        logger.warning("A link for a password could not be mailed (%s).", type(error).__name__)
        return False
    return True


class NewPasswordForm(auth_forms.SetPasswordForm):  # type: ignore[type-arg]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, label in (("new_password1", "New password"), ("new_password2", "The same once more")):
            self.fields[name].label = label
            self.fields[name].widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})


class _ThemedView:
    """Has the names and colours of the staff pages."""

    request: HttpRequest

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)  # type: ignore[misc]
        return {**site.each_context(self.request), **context, "is_mail_set_up": settings.IS_MAIL_SET_UP}


class ForgottenPasswordView(_ThemedView, views.PasswordResetView):
    form_class = ForgottenPasswordForm
    template_name = "registration/forgotten.html"
    email_template_name = "registration/forgotten_mail.txt"
    subject_template_name = "registration/forgotten_subject.txt"
    success_url = reverse_lazy("password_reset_done")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            check_rate("password_reset", Request(request), APIView())
        except Throttled:
            form = self.get_form()
            form.add_error(None, "Too many links were asked for. Please try again in an hour.")
            return self.render_to_response(self.get_context_data(form=form), status=429)
        return super().post(request, *args, **kwargs)


class LinkSentView(_ThemedView, views.PasswordResetDoneView):
    template_name = "registration/link_sent.html"


class NewPasswordView(_ThemedView, views.PasswordResetConfirmView):
    """Sets the password, signs the person in, and leads to the first page."""

    form_class = NewPasswordForm
    template_name = "registration/new_password.html"
    post_reset_login = True
    post_reset_login_backend = "django.contrib.auth.backends.ModelBackend"
    success_url = reverse_lazy("admin:index")
