"""Reads what the ledger of this process has counted."""

from __future__ import annotations

from django.db.models import Sum

from ttscache.models import Usage
from ttscache.wiring import speech_cache


def outcomes() -> dict[str, int]:
    """How many requests had each outcome, such as "memory" or "generated"."""
    speech_cache().ledger.flush()
    return dict(Usage.objects.values_list("outcome").annotate(total=Sum("requests")))
