"""Forms of texts and journeys. Title and text are drafts; other fields reach listeners as soon as saved."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.forms import ModelForm

from narratives.admin.conflicts import ConflictAwareForm
from narratives.admin.themes import offer_themes
from narratives.models import Journey
from narratives.publishing import narrative_clips
from ttscache.staff.wording import in_words
from ttscache.warming import plan

OF_THE_ORDER = ("position",)
AT_ONCE = ("kind", "slug", "journey")  # the screen, the name in addresses, and where it appears


def write_in_language_of(journey: Journey | None, form: ModelForm[Any], *names: str) -> None:
    """Let the browser know in which language and direction these fields are written."""
    attrs = {"dir": journey.direction, "lang": journey.language} if journey is not None else {"dir": "auto"}
    for name in {*names} & {*form.fields}:
        form.fields[name].widget.attrs.update(attrs)


class NarrativeForm(ConflictAwareForm):
    """Disables the fields that reach listeners at once, unless the page sets `may_publish`."""

    may_publish = True

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        journey = self.instance.journey if self.instance.journey_id is not None else None
        write_in_language_of(journey, self, "title", "text")
        offer_themes(self, [("", "No theme")])
        if self.may_publish or self.instance.pk is None or not self.instance.journey.is_live:
            return
        fixed = OF_THE_ORDER if self.instance.live_id is None else (*OF_THE_ORDER, *AT_ONCE)
        # Django ignores posted values of disabled fields, so this is enforced on the server too.
        for name in set(fixed) & set(self.fields):
            self.fields[name].disabled = True

    def clean_journey(self) -> Journey:
        """Refuse to move a published text into a live journey before its clips are made.

        Listeners of that journey get the text as soon as it is saved. Clips that cost nothing may be missing.
        """
        chosen: Journey = self.cleaned_data["journey"]
        is_published = self.instance.live_id is not None or self.instance.pending_id is not None
        moves = self.instance.pk is not None and chosen.pk != self.initial["journey"]
        if not (moves and is_published and chosen.is_live):
            return chosen
        at_once = f"Listeners of “{chosen}” would get this text at once."
        if not self.may_publish:
            raise ValidationError(f"{at_once} Ask somebody who can publish.")
        planned = plan(narrative_clips(self.instance))
        if planned.cost_usd > 0:
            raise ValidationError(f"{at_once} {in_words(planned)} Make them first.")
        return chosen


class JourneyForm(ConflictAwareForm):
    """Disables the fields that reach listeners at once, unless the page sets `may_publish`."""

    may_publish = True

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        write_in_language_of(self.instance, self, "title")
        if self.instance.is_live and not self.may_publish:
            for name in {"slug", "language"} & set(self.fields):
                self.fields[name].disabled = True

    def clean_is_default(self) -> bool:
        """Two journeys cannot be the default; the other one must be unticked first."""
        is_default: bool = self.cleaned_data["is_default"]
        other = Journey.objects.filter(is_default=True).exclude(pk=self.instance.pk).first()
        if is_default and other is not None:
            raise ValidationError(f"“{other}” is the default now. Untick “default” there first.")
        return is_default
