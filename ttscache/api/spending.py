"""Checks who may spend money through the API, and logs what staff have spent."""

from __future__ import annotations

import logging

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.contenttypes.models import ContentType
from rest_framework.request import Request
from rest_framework.views import APIView

from ttscache.accounting.prices import list_price_usd
from ttscache.api.throttling import check_generation_rate
from ttscache.errors import BudgetExhausted
from ttscache.models import ApiToken, Clip
from ttscache.speech import SpeechRequest
from ttscache.staff.wording import price

logger = logging.getLogger(__name__)


def begin_generation(request: Request, view: APIView, speech: SpeechRequest) -> None:
    """Count one new clip against the caller's rate and budget, and note it if it is staff.

    Raises Throttled, BudgetExhausted and Error.
    """
    begin_spending(request, view, len(speech.text), list_price_usd(speech.model, len(speech.text)))


def begin_spending(request: Request, view: APIView, characters: int, usd: float) -> None:
    """Do what `begin_generation` does, for new clips of so many characters and this list price in all."""
    check_generation_rate(request, view)
    if isinstance(request.auth, ApiToken) and not request.auth.spend(usd):
        raise BudgetExhausted("The daily budget of this API token is spent. Clips that exist still play.")
    note_spending(request, characters, usd)


def note_spending(request: Request, characters: int, usd: float) -> None:
    """Write who, how much and the price into the admin log and the log of the site. Raises Error.

    Only for staff in their session: a token has its own figures. No word of the text is noted.
    """
    user = request.user
    if not isinstance(user, AbstractBaseUser) or not user.pk:
        return
    says = f"{characters:,} characters through the API, {price(usd)}."
    LogEntry.objects.create(
        user_id=user.pk,
        content_type=ContentType.objects.get_for_model(Clip),
        object_repr="A text through the API",
        action_flag=CHANGE,
        change_message=says,
    )
    logger.info("%s spent on %s", user.get_username(), says)
