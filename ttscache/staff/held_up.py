"""Why clips are held up: what is wrong with the voice service, and who can help."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models.functions import Now
from django.utils import timezone
from django.utils.formats import date_format

from ttscache.errors import KeyRefused, ProviderUnavailable, QuotaUsedUp, SpeechError, error_of
from ttscache.models import Alert, Lease, WarmItem
from ttscache.monitoring.alerts import last_outcomes, refused_because
from ttscache.warming.worker import RATE_LIMIT, WAITS

_REFUSALS: dict[str, type[SpeechError]] = {
    Alert.Kind.KEY_REFUSED: KeyRefused,
    Alert.Kind.QUOTA_USED_UP: QuotaUsedUp,
}
_BUSY, _WRONG_ADDRESS = "provider_busy", "wrong_address"


class HeldUp:
    """Why clips are not made at this moment. Looks it up at most once, and only if a clip waits."""

    def __init__(self) -> None:
        self._for_all: str | None = None

    def reason_of(self, item: WarmItem) -> str:
        """Why this open item is held up, with who can help; empty if its clip is under way. Raises Error."""
        if item.run.paused_because:
            return item.run.pause_in_words
        own = item.reason.removeprefix(WAITS) if item.reason.startswith(WAITS) else ""
        if item.state == WarmItem.State.MAKING:
            return own  # it is being tried again at this moment
        if self._for_all is None:
            self._for_all = what_holds_up_all()
        return self._for_all or own


def what_holds_up_all() -> str:
    """Why no clip at all is made now; empty if nothing is known to be wrong. Two queries. Raises Error."""
    cooldown = Lease.objects.filter(name=RATE_LIMIT, until__gt=Now()).exclude(error="").first()
    if cooldown is not None:
        return _in_words(cooldown.error, cooldown.until)
    # Between two tries no cooldown is running, but the last call still tells.
    refused = refused_because(last_outcomes())
    return _REFUSALS[refused]().for_staff() if refused else ""


def _in_words(code: str, until: datetime) -> str:
    if code in _REFUSALS:
        return _REFUSALS[code]().for_staff()
    if code == _BUSY:
        # It is shown to the minute, so round up: a time that is over would be wrong.
        rounded = timezone.localtime(until + timedelta(seconds=59))
        return f"The voice service is busy until {date_format(rounded, 'H:i')}. It is tried again by itself."
    if code == _WRONG_ADDRESS:
        error = ProviderUnavailable()
        error.cause = code
        return error.for_staff()
    return error_of(code).for_staff()
