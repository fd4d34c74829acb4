"""The theme of a text or a reflection: staff choose one that the journeys have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget

from narratives.admin.conflicts import ConflictAwareForm
from narratives.models import Narrative

GENERAL = ("general", "general: all questions")
CHOOSE = "Choose a theme from the list."


def offer_themes(form: forms.ModelForm[Any], first: Sequence[tuple[str, str]]) -> None:
    """Make the form's theme a choice: `first`, the themes of the journeys, and the one that the row has."""
    field = form.fields.get("theme")
    if field is None:  # somebody who may only read it
        return
    present = str(form.initial.get("theme") or "")
    known = Narrative.objects.exclude(theme="").order_by("theme").values_list("theme", flat=True).distinct()
    others = {*known, *filter(None, [present])} - {value for value, _ in first}
    form.fields["theme"] = forms.ChoiceField(
        choices=[*first, *((theme, theme) for theme in sorted(others))],
        required=field.required,
        label=field.label,
        help_text=field.help_text,
        widget=UnfoldAdminSelectWidget,
        error_messages={"invalid_choice": CHOOSE, "required": CHOOSE},
    )


class BankReflectionForm(ConflictAwareForm):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        offer_themes(self, [GENERAL])
