"""Tasks for django-q2. Each one calls functions that can also be called directly.

Migration 0002_schedules creates their schedules.
"""

from __future__ import annotations

from narratives import publishing
from ttscache.warming import rendition_switch


def warm_published() -> None:
    """Make missing clips, once an hour: live texts first, then waiting versions, then pending renditions.

    Clips that failed MOST_TRIES times wait for staff, because each try may cost money. A run that is under
    way, paused or held up by an outage or the budget is joined, so that a journey and voice has at most one
    active run. If no clip is missing, this writes nothing.
    """
    # What listeners hear now comes first; a budget that runs out then leaves the rest.
    publishing.keep_live_journeys_warm(requested_by="schedule")
    publishing.make_what_waits(requested_by="schedule")
    rendition_switch.make_pending(requested_by="schedule")


def activate_publications() -> None:
    """Switch ready publications, once a minute, in case the process that ended their run was killed first."""
    publishing.activate_ready_publications()
