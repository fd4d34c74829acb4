"""Journey, and Publication: the versions of a journey that listeners get."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Max, Q
from django.utils import timezone

from narratives.models.soft_delete import Deletable, Present
from narratives.text.direction import text_direction
from narratives.text.tidying import tidied_line


class JourneyQuerySet(models.QuerySet["Journey"]):
    def live(self) -> Self:
        return self.filter(is_live=True)


PresentJourneys = Present.from_queryset(JourneyQuerySet)


class Journey(Deletable):
    """A guided life story: an intro, questions, an outro, and the short clips that help along the way."""

    slug = models.SlugField()
    title = models.CharField(max_length=200)
    description = models.CharField(
        "one line about it",
        max_length=200,
        default="",
        blank=True,
        help_text="Listeners read it where they choose among several journeys.",
    )
    language = models.CharField(max_length=20, default="en")
    is_live = models.BooleanField("live", default=False, help_text="Listeners can use this journey.")
    is_default = models.BooleanField("default", default=False, help_text="This is the journey listeners get.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = PresentJourneys()
    everything: ClassVar[models.Manager[Journey]] = JourneyQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-is_default", "title"]
        permissions: ClassVar = [("publish_journey", "Can publish: change what listeners get")]
        # Deleted journeys do not count, so that their slug can be used again.
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["slug"],
                condition=Q(deleted_at__isnull=True),
                name="one_journey_a_slug",
                violation_error_message="There is a journey with this slug already.",
            ),
            models.UniqueConstraint(
                fields=["is_default"],
                condition=Q(is_default=True, deleted_at__isnull=True),
                name="one_default_journey",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.title, self.description = tidied_line(self.title), tidied_line(self.description)
        super().save(*args, **kwargs)

    @property
    def direction(self) -> str:
        """The value of `dir` for its texts."""
        return text_direction(self.language)

    @property
    def waiting(self) -> Publication | None:
        """The publication that waits for its clips; there is at most one."""
        return self.publications.waiting().first()

    @property
    def live_version(self) -> Publication | None:
        """The publication that listeners get; None before the first one."""
        return self.publications.live().first()

    @property
    def next_number(self) -> int:
        """The number that the next publication will have."""
        last: int | None = self.publications.aggregate(last=Max("number"))["last"]
        return (last or 0) + 1


class PublicationQuerySet(models.QuerySet["Publication"]):
    def waiting(self) -> Self:
        return self.filter(state=Publication.State.WAITING)

    def heard(self) -> Self:
        """Publications whose texts listeners get, or got before the next one."""
        return self.filter(state=Publication.State.PUBLISHED)

    def live(self) -> Self:
        """Publications that listeners get now; a journey has at most one."""
        return self.heard().filter(retired_at__isnull=True)


class Publication(models.Model):
    """A version of a journey: its texts in order, which go live together when all clips are ready.

    `number` is the version of the journey. At most one publication of a journey waits, and at most one is
    what listeners get: the published one without `retired_at`. Its entries are all that listeners read.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting for audio"
        PUBLISHED = "live", "Published"  # its journey need not be live
        WITHDRAWN = "withdrawn", "Cancelled"

    journey = models.ForeignKey(Journey, on_delete=models.CASCADE, related_name="publications")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    requested_by = models.CharField(max_length=150, default="", blank=True)
    requested_at = models.DateTimeField(default=timezone.now, editable=False)
    live_at = models.DateTimeField(null=True, blank=True, editable=False)
    retired_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects: ClassVar[models.Manager[Publication]] = PublicationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["journey", "number"], name="one_number_a_journey"),
            models.UniqueConstraint(
                fields=["journey"], condition=Q(state="waiting"), name="one_waiting_publication_a_journey"
            ),
            models.UniqueConstraint(
                fields=["journey"],
                condition=Q(state="live", retired_at__isnull=True),
                name="one_live_publication_a_journey",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.journey}, v{self.number}"

    @property
    def scope(self) -> str:
        """The key of the run that makes its clips."""
        return f"publication:{self.pk}"

    @property
    def run_name(self) -> str:
        return f"{self.journey.slug}, publication {self.number}"
