"""A second factor for staff (STAFF_TWO_FACTOR=true): a code from an app (TOTP, RFC 6238), or a spare code.

django-otp keeps the devices and checks the codes: each is valid once, and wrong ones slow the next try down.
Until a session has shown its code it is a stranger's on every page, and its staff pages lead to the form.
"""

from __future__ import annotations

import secrets
from base64 import b32encode
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.admin import site
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django_otp import DEVICE_ID_SESSION_KEY, devices_for_user, login, match_token
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.widgets import UnfoldAdminTextInputWidget

from ttscache.delivery.http import Handler

SPARE_CODES = 8


def second_factor_middleware(get_response: Handler) -> Handler:
    """Ask staff for their code on staff pages; elsewhere a session without it counts as a stranger's."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        if not settings.STAFF_TWO_FACTOR:
            return get_response(request)
        signed_in = request.user
        if not request.path_info.startswith("/admin/"):
            # Lazy: a request that never asks who is calling must not read the session.
            request.user = SimpleLazyObject(  # type: ignore[assignment]
                lambda: signed_in if has_shown_code(request, signed_in) else AnonymousUser()
            )
        elif (
            request.path not in (reverse("second_factor"), reverse("admin:logout"))
            and signed_in.is_authenticated
            and not has_shown_code(request, signed_in)
        ):
            return redirect(f"{reverse('second_factor')}?next={request.path}")
        return get_response(request)

    return answer


def has_shown_code(request: HttpRequest, user: User | AnonymousUser) -> bool:
    """Whether this session has shown a code of a device that the person still has."""
    shown = request.session.get(DEVICE_ID_SESSION_KEY)
    device = Device.from_persistent_id(shown) if shown else None
    return device is not None and device.user_id == user.pk


class CodeForm(forms.Form):
    code = forms.CharField(
        label="Code",
        max_length=20,
        widget=UnfoldAdminTextInputWidget(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True}
        ),
    )


@never_cache
@login_required
def second_factor(request: HttpRequest) -> HttpResponse:
    """Ask for the code; at the first time show the secret for the app, and then the spare codes."""
    user = request.user
    assert isinstance(user, User)
    is_known = any(devices_for_user(user, confirmed=True))
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        code = form.cleaned_data["code"].replace(" ", "")
        if is_known:
            device = match_token(user, code)
            if device is not None:
                login(request, device)
                return redirect(_way_on(request))
        elif (spare := _confirm(request, user, code)) is not None:
            return _page(request, spare_codes=spare, way_on=_way_on(request))
        form.add_error("code", "This code is wrong or was used. Wait for the next one, and type it again.")
    if is_known:
        return _page(request, form=form)
    import segno  # late: only somebody who sets up an app needs it

    device = _new_device(user)
    qr = segno.make(device.config_url).svg_data_uri(scale=5, border=2)
    return _page(request, form=form, qr=qr, secret=_readable_secret(device))


def _new_device(user: User) -> TOTPDevice:
    """The device that this person is about to set up: the same one until it is confirmed."""
    device: TOTPDevice = TOTPDevice.objects.get_or_create(
        user=user, confirmed=False, defaults={"name": "App"}
    )[0]
    return device


@transaction.atomic
def _confirm(request: HttpRequest, user: User, code: str) -> list[str] | None:
    """Confirm the new device with its first code and return new spare codes; None if the code is wrong."""
    device = _new_device(user)
    if not device.verify_token(code):
        return None
    device.confirmed = True
    device.save()
    StaticDevice.objects.filter(user=user).delete()
    spare = StaticDevice.objects.create(user=user, name="Spare codes")
    codes = [secrets.token_hex(4) for _ in range(SPARE_CODES)]
    for each in codes:
        spare.token_set.create(token=each)
    login(request, device)
    return codes


def forget_devices(user: User) -> int:
    """Remove the app and the spare codes of somebody who has lost both; returns how many devices."""
    devices = list(devices_for_user(user, confirmed=None))
    for device in devices:
        device.delete()
    return len(devices)


def _readable_secret(device: TOTPDevice) -> str:
    letters = b32encode(device.bin_key).decode().rstrip("=")
    return " ".join(letters[start : start + 4] for start in range(0, len(letters), 4))


def _way_on(request: HttpRequest) -> str:
    path = request.GET.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(path, {request.get_host()}, require_https=request.is_secure())
    return path if is_ours and path else reverse("admin:index")


def _page(request: HttpRequest, **context: Any) -> TemplateResponse:
    context = {**site.each_context(request), **context}
    return TemplateResponse(request, "registration/second_factor.html", context)
