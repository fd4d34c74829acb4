"""The reflections that listeners have heard, which the model may choose again."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Self

from django.db import IntegrityError, models, transaction
from django.db.models import F
from django.utils import timezone


class OfferedReflectionQuerySet(models.QuerySet["OfferedReflection"]):
    def of_theme(self, theme: str, language: str) -> Self:
        """Offers for questions of this theme, the most heard first."""
        return self.filter(theme=theme, language=language).order_by("-times_heard", "-last_heard_at")

    def texts(self) -> models.QuerySet[OfferedReflection, str]:
        return self.values_list("text", flat=True)

    def note_heard(self, theme: str, language: str, text: str, *, is_chosen: bool, fits_heavy: bool) -> None:
        """One more listener gets these words. One statement, and a few the first time."""
        mine = self.filter(theme=theme, language=language, text=text)
        more = {"times_heard": F("times_heard") + 1, "last_heard_at": timezone.now()}
        if is_chosen:
            more["times_chosen"] = F("times_chosen") + 1
        if mine.update(**more):
            return
        counts = {"times_heard": 1, "times_chosen": int(is_chosen)}
        row = OfferedReflection(theme=theme, language=language, text=text, fits_heavy=fits_heavy, **counts)
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError:  # somebody else was the first at this moment
            mine.update(**more)

    def forget_rare(self, days: int) -> int:
        """Delete those that nobody has heard for so many days, unless staff have decided about them."""
        undecided = self.filter(is_offered=True, fits_heavy=False)
        return undecided.filter(last_heard_at__lt=timezone.now() - timedelta(days=days)).delete()[0]


class OfferedReflection(models.Model):
    """Words that were fit for others, the theme they were said for, and how often.

    Nothing tells of an answer or a person. The same words are the text of a clip that anyone may hear.
    """

    theme = models.CharField(max_length=100)
    language = models.CharField(max_length=20, default="en")
    text = models.CharField(max_length=200)
    times_heard = models.PositiveBigIntegerField("heard", default=0)
    times_chosen = models.PositiveBigIntegerField("chosen by the model", default=0)
    last_heard_at = models.DateTimeField("last heard", default=timezone.now)
    is_offered = models.BooleanField("offered", default=True, help_text="The model may choose it.")
    fits_heavy = models.BooleanField(
        "fits a hard answer",
        default=False,
        help_text="It may also be chosen after an answer about abuse, suicide, despair or the like.",
    )

    objects: ClassVar[models.Manager[OfferedReflection]] = OfferedReflectionQuerySet.as_manager()

    class Meta:
        verbose_name = "offered reflection"
        ordering: ClassVar = ["-times_heard", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["theme", "language", "text"], name="one_offer_a_text_and_theme")
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["theme", "language", "is_offered", "-times_heard", "-last_heard_at"],
                name="offers_of_a_theme",
            )
        ]

    def __str__(self) -> str:
        return self.text[:60]
