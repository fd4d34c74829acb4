"""The narratives on the page of their journey: one row each, with its clips, saved as drafts."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import StackedInline
from unfold.forms import PaginationInlineFormSet

from narratives.admin.forms import NarrativeForm, write_in_language_of
from narratives.editing.drafts import save_draft
from narratives.help_lines import NO_HELP_LINE, help_lines
from narratives.models import Narrative
from narratives.publishing import DraftChanges, compare_draft, next_entries_of
from narratives.staff.clip_status import (
    add_clip_statuses,
    add_draft_changes,
    count_up_to_date,
    state_of,
    state_of_journey,
)
from narratives.staff.text_estimates import estimate, paces
from narratives.text.writing_advice import questions_promised
from ttscache.conf import conf
from ttscache.staff.badges import Badge


class NarrativeForms(PaginationInlineFormSet):  # type: ignore[misc]
    """The narratives of one journey, each with the status of its clips."""

    def get_queryset(self) -> QuerySet[Narrative] | list[Narrative]:
        """The rows in the order of the forms.

        Once a page was posted the forms decide: others may have deleted or moved rows since it was opened.
        """
        if self.is_bound and "forms" in self.__dict__:
            return [form.instance for form in self.initial_forms]
        return self.narratives

    @property
    def narratives(self) -> QuerySet[Narrative]:
        narratives: QuerySet[Narrative] = super().get_queryset()
        # Templates read this property many times; the clips are looked up once.
        if any(not hasattr(narrative, "clip_statuses") for narrative in narratives):
            add_clip_statuses(narratives)
            add_draft_changes(narratives, {self.instance.pk: self.changes})
            pace = paces()
            for narrative in narratives:
                narrative.standing = state_of(narrative)  # type: ignore[attr-defined]
                narrative.estimate = estimate(narrative.text, narrative.lexicon, pace)  # type: ignore[attr-defined]
        return narratives

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        write_in_language_of(self.instance, form, "title", "text")  # a new row knows no journey yet

    def _construct_form(self, i: int, **options: Any) -> Any:
        form = super()._construct_form(i, **options)
        # The posted row has a key, but no text of that key is left.
        if self.is_bound and i < self.initial_form_count() and form.instance.pk is None:
            form.is_gone = form.empty_permitted = True
        return form

    @property
    def gone(self) -> list[tuple[str, str]]:
        """Title and text of each changed row that somebody else has deleted meanwhile."""
        return [form.words for form in self.initial_forms if form.is_gone and form.is_rewritten]

    @cached_property
    def changes(self) -> DraftChanges:
        """How the draft differs from what listeners get next."""
        draft = list(super().get_queryset())
        if self.instance.pk is None:
            return DraftChanges(draft, ())
        # Clip statuses have shared the lexicon among these texts.
        return compare_draft(draft, next_entries_of([self.instance.pk]).get(self.instance.pk, []))

    @property
    def standing(self) -> Badge:
        return state_of_journey(self.instance, self.changes)

    @property
    def readiness(self) -> tuple[int, int]:
        """The number of clips that are up to date, and of all clips."""
        return count_up_to_date(self.narratives)

    @property
    def summary(self) -> str:
        narratives = list(self.narratives)
        drafts = f" Not published yet: {self.changes.in_words}." if not self.changes.is_empty else ""
        ready, total = self.readiness
        return f"{len(narratives)} narratives.{drafts} {ready} of {total} clips are up to date."

    @property
    def voices(self) -> tuple[str, ...]:
        return conf().listener_voices

    @property
    def notices(self) -> list[str]:
        """Texts that contradict each other, and a missing help line."""
        narratives = list(self.narratives)
        questions = sum(narrative.is_question for narrative in narratives)
        promises = [
            f"“{narrative.title}” mentions {promised} questions, but there are {questions}."
            for narrative in narratives
            if narrative.kind in (Narrative.Kind.INTRO, Narrative.Kind.OUTRO)
            and (promised := questions_promised(narrative.text)) not in (None, questions)
        ]
        return promises if help_lines().are_set else [*promises, NO_HELP_LINE]

    def save_new(self, form: Any, commit: bool = True) -> Any:
        return self._save_draft(super().save_new(form, commit=False), form, commit)

    def save_existing(self, form: Any, obj: Narrative, commit: bool = True) -> Any:
        return self._save_draft(super().save_existing(form, obj, commit=False), form, commit)

    def delete_existing(self, obj: Narrative, commit: bool = True) -> None:
        """Do nothing: the page deletes all marked rows together, so that one press undoes it."""

    def _save_draft(self, narrative: Narrative, form: Any, commit: bool) -> Narrative:
        # Not narrative.save(): that would overwrite `live` and `pending` if somebody published meanwhile.
        if commit:
            save_draft(narrative, form.changed_data)
        return narrative


class NarrativeInline(StackedInline):  # type: ignore[misc]
    model = Narrative
    form = NarrativeForm
    formset = NarrativeForms
    template = "admin/narratives/journey/narratives.html"
    fields = ("title", "kind", "text", "position")
    ordering_field = "position"
    hide_ordering_field = True
    extra = 0
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Narrative]:
        found: QuerySet[Narrative] = (
            super().get_queryset(request).select_related("live", "pending", "journey")
        )
        return found.order_by("position", "pk")

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        if db_field.name == "position":
            return db_field.formfield(widget=forms.HiddenInput)
        return super().formfield_for_dbfield(db_field, request, **options)
