"""The form of a text: its words are drafts, but some of it listeners get as soon as it is saved."""

from __future__ import annotations

from typing import Any

from narratives.admin_meanwhile import MeanwhileForm

OF_THE_ORDER = ("position",)
AT_ONCE = ("kind", "slug", "journey")  # which screen it is, by which name it is asked for, and where


class NarrativeForm(MeanwhileForm):
    """Who may not publish does not change what listeners get at once. `may_publish` is set by the page."""

    may_publish = True

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.may_publish or self.instance.pk is None or not self.instance.journey.is_live:
            return
        fixed = OF_THE_ORDER if self.instance.live_id is None else (*OF_THE_ORDER, *AT_ONCE)
        for name in set(fixed) & set(self.fields):
            self.fields[name].disabled = True
