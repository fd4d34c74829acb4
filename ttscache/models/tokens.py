"""ApiToken: tokens for callers of the API, what each may do, and what each has spent today."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Self

from cachebox import TTLCache
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from ttscache.models.booking import book, microusd_of

REMEMBERED_SECONDS = 5.0  # a token withdrawn in another process still works for so long
LAST_USED_PRECISION = timedelta(minutes=1)


class TokenScope(models.TextChoices):
    """The uses that a token allows."""

    SPEECH = "speech", "Speech"
    STATS = "stats", "Figures"
    ADMIN = "admin", "Removing old clips"


_FIELDS = {
    TokenScope.SPEECH: "may_speak",
    TokenScope.STATS: "may_read_figures",
    TokenScope.ADMIN: "is_admin",
}


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def valid(self) -> Self:
        """Tokens that are neither withdrawn nor expired."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), withdrawn_at=None)


class ApiToken(models.Model):
    """A caller's right to free text, to figures, or to remove old clips.

    Only a digest is stored, so a leaked table is useless. A process remembers a token that it has verified
    for REMEMBERED_SECONDS, so that a hit costs no query for it.
    """

    name = models.CharField(max_length=100, unique=True, help_text="The person or program that will use it.")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    may_speak = models.BooleanField("may request speech", default=True)
    may_read_figures = models.BooleanField("may read figures", default=True)
    is_admin = models.BooleanField("may prune", default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(
        "valid until", null=True, blank=True, help_text="Leave empty for a token that does not expire."
    )
    daily_budget_usd = models.FloatField(
        "US dollars a day",
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text="The most that its new clips may cost in a day (UTC), at list prices. Empty: no own limit.",
    )
    rate_a_minute = models.PositiveIntegerField(
        "new clips a minute",
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Leave empty for the rate of all tokens.",
    )
    last_used_at = models.DateTimeField("last used", null=True, editable=False)
    withdrawn_at = models.DateTimeField("withdrawn", null=True, editable=False)

    objects: ClassVar[models.Manager[ApiToken]] = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = "API token"
        verbose_name_plural = "API tokens"

    def __str__(self) -> str:
        return self.name

    @classmethod
    def issue(cls, name: str, *, is_admin: bool = False, **fields: Any) -> str:
        """Create a token and return it. It cannot be shown again."""
        record = cls(name=name, is_admin=is_admin, **fields)
        token = record.renew()
        record.save(force_insert=True)
        return token

    def renew(self) -> str:
        """Give the record a new random token, and return it. The caller saves the record."""
        token = secrets.token_urlsafe(32)
        self.digest = self.digest_of(token)
        return token

    @classmethod
    def verified(cls, token: str) -> ApiToken | None:
        """The record of a valid token, or None. Notes that it was used. Raises django.db.Error."""
        digest = cls.digest_of(token)
        known = _remembered.get(digest)
        if known is None:
            known = cls.objects.valid().filter(digest=digest).first()
            if known is None:
                return None
            known.note_use()
            _remembered[digest] = known
        return known if known.is_valid else None

    @property
    def is_valid(self) -> bool:
        is_expired = self.expires_at is not None and self.expires_at <= timezone.now()
        return self.withdrawn_at is None and not is_expired

    def note_use(self) -> None:
        """Note the time of the last use, to the minute."""
        now = timezone.now()
        if self.last_used_at is None or self.last_used_at < now - LAST_USED_PRECISION:
            ApiToken.objects.filter(pk=self.pk).update(last_used_at=now)
            self.last_used_at = now

    def allows(self, scope: str) -> bool:
        """Whether the token may be used for this."""
        return bool(getattr(self, _FIELDS[TokenScope(scope)]))

    @property
    def scopes(self) -> list[str]:
        return [scope.value for scope in TokenScope if self.allows(scope)]

    def withdraw(self) -> bool:
        """Withdraw the token for good. False if it was withdrawn before."""
        changed = ApiToken.objects.filter(pk=self.pk, withdrawn_at=None).update(withdrawn_at=timezone.now())
        forget_tokens()
        return bool(changed)

    def spend(self, usd: float) -> bool:
        """Book the list price of new clips for this token's day (UTC). False if its budget is too small.

        What a failed call did not cost is not put back. Raises django.db.Error.
        """
        if self.daily_budget_usd is None:
            return True
        today = datetime.now(UTC).date()
        ApiTokenDay.objects.bulk_create([ApiTokenDay(token=self, day=today)], ignore_conflicts=True)
        own = ApiTokenDay.objects.filter(token=self, day=today)
        return book(own, microusd_of(usd), microusd_of(self.daily_budget_usd))

    @staticmethod
    def digest_of(token: str) -> str:
        return hashlib.sha256(token.encode()).hexdigest()


class ApiTokenDay(models.Model):
    """The cost of one token's new clips in a day (UTC), in millionths of a US dollar, at list prices."""

    token = models.ForeignKey(ApiToken, on_delete=models.CASCADE, related_name="days")
    day = models.DateField()
    microusd = models.BigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["token", "day"], name="one_row_a_token_and_day")
        ]

    def __str__(self) -> str:
        return f"{self.token}, {self.day}"


_remembered: TTLCache[str, ApiToken] = TTLCache(1_000, REMEMBERED_SECONDS)


def forget_tokens() -> None:
    """Verify each token anew at its next use in this process."""
    _remembered.clear()


def _forget_changed(**_: Any) -> None:
    forget_tokens()


for _changed in (models.signals.post_save, models.signals.post_delete):
    _changed.connect(_forget_changed, sender=ApiToken, dispatch_uid="forget tokens")


def scopes_of(names: Iterable[str]) -> dict[str, bool]:
    """The fields of an ApiToken that may be used for these scopes alone. Raises ValueError."""
    wanted = {TokenScope(name) for name in names}
    return {field: scope in wanted for scope, field in _FIELDS.items()}
