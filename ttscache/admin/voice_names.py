"""Shows voices in lists by the names that staff know: the listener voice that each plays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest

from ttscache.renditions.current import names_of_voices
from ttscache.staff.pages import ReadOnlyAdmin


class VoiceListFilter(admin.AllValuesFieldListFilter):
    def choices(self, changelist: Any) -> Iterator[Any]:
        names = names_of_voices()
        for choice in super().choices(changelist):
            yield {**choice, "display": names.get(str(choice["display"]), choice["display"])}


class VoiceNamesAdmin(ReadOnlyAdmin):
    """Adds the column "spoken_as". Looks up the names once for a whole page."""

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changelist: ChangeList = super().get_changelist_instance(request)
        names = names_of_voices()
        for row in changelist.result_list:
            row.voice_name = names.get(row.voice, row.voice)
        return changelist

    @admin.display(description="Voice", ordering="voice")
    def spoken_as(self, row: Any) -> str:
        return str(row.voice_name)
