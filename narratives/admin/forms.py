"""Forms of texts and journeys. Texts are drafts; the fields of a journey reach listeners as soon as saved."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.forms import ModelForm

from narratives.admin.conflicts import ConflictAwareForm
from narratives.models import Journey


def write_in_language_of(journey: Journey | None, form: ModelForm[Any], *names: str) -> None:
    """Let the browser know in which language and direction these fields are written."""
    attrs = {"dir": journey.direction, "lang": journey.language} if journey is not None else {"dir": "auto"}
    for name in {*names} & {*form.fields}:
        form.fields[name].widget.attrs.update(attrs)


class NarrativeForm(ConflictAwareForm):
    """All of it is a draft: whoever may change a text may change its words, kind and place."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        journey = self.instance.journey if self.instance.journey_id is not None else None
        write_in_language_of(journey, self, "title", "text")

    def clean_journey(self) -> Journey:
        """A published text stays in its journey, whose versions it is part of."""
        chosen: Journey = self.cleaned_data["journey"]
        moves = self.instance.pk is not None and chosen.pk != self.initial["journey"]
        if moves and self.instance.entries.exists():
            raise ValidationError(
                "This text was published in its journey, so it stays there. Duplicate it and move the copy."
            )
        return chosen


class JourneyForm(ConflictAwareForm):
    """Disables the fields that reach listeners at once, unless the page sets `may_publish`."""

    may_publish = True
    asks_to_be_default = False  # another journey is the default, so staff confirm the change after saving

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        write_in_language_of(self.instance, self, "title", "description")
        if self.instance.is_live and not self.may_publish:
            # Django ignores posted values of disabled fields, so this is enforced on the server too.
            for name in {"slug", "language", "description"} & set(self.fields):
                self.fields[name].disabled = True

    def clean_is_default(self) -> bool:
        """There is one default journey: saving keeps the present one, and the page then asks."""
        is_default: bool = self.cleaned_data["is_default"]
        others = Journey.objects.filter(is_default=True).exclude(pk=self.instance.pk)
        self.asks_to_be_default = is_default and others.exists()
        return is_default and not self.asks_to_be_default
