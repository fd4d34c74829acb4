"""Detect two people editing the same page, so that neither overwrites the other unseen."""

from __future__ import annotations

import zlib
from functools import cached_property
from typing import Any, cast

from django import forms
from django.http import QueryDict
from django.utils.text import Truncator

from narratives.text.tidying import tidied

MOST_WORDS = 60  # shown of somebody else's text


class ConflictAwareForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form that carries a checksum of each value as it was when the page was opened.

    A field left alone keeps what others have saved since. A field that two people changed gets an error that
    shows the saved value; saving again overwrites it. For the order, the last save wins.
    """

    seen = forms.CharField(required=False, widget=forms.HiddenInput)
    last_one_counts = ("position",)
    is_gone = False  # somebody else has deleted this row, so it is not saved

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        own = [field.name for field in self._meta.model._meta.concrete_fields if not field.is_relation]
        # Read now: validation writes the posted values into the instance.
        self._saved = {name: getattr(self.instance, name) for name in own if name in self.fields}
        if self.instance.pk is not None:
            self.initial["seen"] = _written({name: _mark(value) for name, value in self._saved.items()})

    @cached_property
    def changed_data(self) -> list[str]:
        if self.is_gone:
            return []  # a formset saves only forms with changed data
        changed = forms.ModelForm.changed_data.__get__(self)
        return [name for name in changed if name != "seen" and not self._is_left_alone(name)]

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        marks = dict(self._opened)
        for name, saved in self._saved.items():
            if self._is_left_alone(name):
                given[name] = saved
            elif self._is_taken(name):
                marks[name] = _mark(saved)
                self.add_error(name, _told(saved))
        if marks != self._opened:  # saving again counts as having seen the error
            data = cast(QueryDict, self.data).copy()
            data[self.add_prefix("seen")] = _written(marks)
            self.data = data
        return given

    @property
    def is_rewritten(self) -> bool:
        return not all(self._is_left_alone(name) for name in ("title", "text"))

    @property
    def words(self) -> tuple[str, str]:
        """Title and text as posted."""
        return self["title"].value(), self["text"].value()

    @cached_property
    def _opened(self) -> dict[str, str]:
        """The posted checksum of each field; empty if the page sent none."""
        sent = str(self.data.get(self.add_prefix("seen"), "")).split()
        return dict(part.split(":", 1) for part in sent if ":" in part)

    def _is_left_alone(self, name: str) -> bool:
        return name in self._saved and self._opened.get(name) == self._given(name)

    def _is_taken(self, name: str) -> bool:
        """Whether somebody else has saved a value in this field that differs from the posted one."""
        saved = _mark(self._saved[name])
        is_ours = saved in (self._opened.get(name, saved), self._given(name))
        return not (is_ours or self.fields[name].disabled or name in self.last_one_counts)

    def _given(self, name: str) -> str:
        widget = self.fields[name].widget
        return _mark(widget.value_from_datadict(self.data, self.files, self.add_prefix(name)))


def _mark(value: Any) -> str:
    # Tidy first: a text that differs only in white space is saved as the same text.
    return f"{zlib.crc32(tidied(str('' if value is None else value)).encode()):08x}"


def _written(marks: dict[str, str]) -> str:
    return " ".join(f"{name}:{mark}" for name, mark in marks.items())


def _told(saved: Any) -> str:
    told = saved if isinstance(saved, str) else {True: "yes", False: "no"}.get(saved, str(saved))
    words = Truncator(told).words(MOST_WORDS)
    return (
        f"Somebody else changed this after you opened the page. It now says: “{words}” "
        "Your version is still here. Save again to replace theirs."
    )
