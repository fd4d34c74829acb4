"""PublicationEntry: one text of a version, as listeners get it."""

from __future__ import annotations

from typing import ClassVar, Protocol, Self

from django.db import models
from django.db.models import F, Q

from narratives.models.journeys import Publication
from narratives.models.narratives import Narrative, Revision


class PublicationEntryQuerySet(models.QuerySet["PublicationEntry"]):
    def live(self) -> Self:
        """The texts that listeners get now, in order, each with its words. Its journey need not be live."""
        return self.filter(
            publication__state=Publication.State.PUBLISHED, publication__retired_at__isnull=True
        ).select_related("revision")

    def in_live_journeys(self) -> Self:
        return self.filter(publication__journey__is_live=True, publication__journey__deleted_at__isnull=True)

    def heard(self) -> Self:
        """The texts that listeners get or once got, live ones first, then those of the latest versions."""
        return (
            self.filter(publication__state=Publication.State.PUBLISHED)
            .select_related("revision")
            .order_by(F("publication__retired_at").desc(nulls_first=True), "position", "pk")
        )

    def live_or_waiting(self) -> Self:
        """The texts of each journey's live version and of the one that waits."""
        is_live = Q(publication__state=Publication.State.PUBLISHED, publication__retired_at__isnull=True)
        return self.filter(is_live | Q(publication__state=Publication.State.WAITING)).select_related(
            "revision", "publication", "narrative"
        )


class PublicationEntry(models.Model):
    """A text of a publication: its words, and all else of it that listeners notice.

    It never changes, so that a version can be read, and gone back to, whatever happens to the draft.
    """

    publication = models.ForeignKey(Publication, on_delete=models.CASCADE, related_name="entries")
    narrative = models.ForeignKey(Narrative, on_delete=models.CASCADE, related_name="entries")
    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="entries")
    position = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=Narrative.Kind)
    slug = models.SlugField()  # the page asks for a system clip by this name
    theme = models.CharField(max_length=100, default="", blank=True)  # it decides which reflections fit

    objects: ClassVar[models.Manager[PublicationEntry]] = PublicationEntryQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["position", "pk"]
        default_permissions = ()  # nobody edits it: publishing writes it
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["publication", "narrative"], name="one_entry_a_publication_and_text"
            )
        ]

    def __str__(self) -> str:
        return self.revision.title

    @property
    def is_question(self) -> bool:
        return self.kind == Narrative.Kind.QUESTION

    @property
    def is_system(self) -> bool:
        return self.kind == Narrative.Kind.SYSTEM

    @property
    def role(self) -> tuple[str, str, str]:
        """All that listeners notice of it except its place and its words."""
        return text_role(self)


class HasRole(Protocol):
    """A text with its kind, theme and name: of the draft, or of a version."""

    @property
    def kind(self) -> str: ...
    @property
    def slug(self) -> str: ...
    @property
    def theme(self) -> str: ...


def text_role(text: HasRole) -> tuple[str, str, str]:
    """Kind, theme and, for a system clip, the name by which the page asks for it."""
    is_system = text.kind == Narrative.Kind.SYSTEM
    return text.kind, text.theme, text.slug if is_system else ""
