"""The most requested reflections: made in every listener voice, and copied to every host.

Only shareable texts count. A reflection for one person is never counted, listed or made here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection, transaction
from django.utils import timezone

from ttscache.cache import SpeechCache
from ttscache.conf import conf
from ttscache.models import Clip, ContentType, DailyRequests, Pin, Rendition, WarmRun
from ttscache.pins import replace_pins
from ttscache.renditions.current import live_rendition
from ttscache.speech import ClipSpec
from ttscache.tiers.files import FileTier
from ttscache.tiers.records import as_tier_error
from ttscache.warming.runs import protect, start_run

MOST_TEXTS = 100
WINDOW_DAYS = 30
FETCHED_AT_ONCE = 10  # housekeeping has other work to do between two calls


@dataclass(frozen=True, slots=True)
class PopularReflection:
    """A reflection, and how often it was requested in all voices and renditions."""

    text: str
    requests: int


def most_requested(limit: int = MOST_TEXTS, days: int = WINDOW_DAYS) -> list[PopularReflection]:
    """The texts requested most in the last `days` (UTC), the most popular first."""
    # The ORM cannot join the two tables: rows of DailyRequests outlive their clips, so there is no key.
    quote = connection.ops.quote_name
    sql = (
        "SELECT clip.content_text, SUM(daily.requests) AS total"  # noqa: S608 - names of tables
        f" FROM {quote(DailyRequests._meta.db_table)} daily"
        f" JOIN {quote(Clip._meta.db_table)} clip ON clip.content_hash = daily.content_hash"
        " WHERE daily.day > %s AND clip.content_type = %s AND clip.is_shareable"
        " GROUP BY clip.content_text ORDER BY total DESC, clip.content_text LIMIT %s"
    )
    since = connection.ops.adapt_datefield_value(timezone.now().date() - timedelta(days=days))
    with connection.cursor() as cursor:
        cursor.execute(sql, [since, ContentType.ANALYSIS, limit])
        return [PopularReflection(text, int(requests)) for text, requests in cursor.fetchall()]


def make_popular() -> WarmRun | None:
    """Make the popular reflections in every listener voice, and pin exactly these clips. None if none."""
    return _make(most_requested())  # count before the transaction locks anything


@transaction.atomic
def _make(texts: list[PopularReflection]) -> WarmRun | None:
    renditions = [live_rendition(voice) for voice in conf().listener_voices]
    # A pending rendition must have these clips before it takes over.
    renditions += [row.spec for row in Rendition.objects.pending().order_by("pk")]
    specs = [
        ClipSpec(rendition.request(reflection.text), ContentType.ANALYSIS)
        for reflection in texts
        for rendition in renditions
    ]
    protect(specs)
    # A text is fit for others in any voice. Record that first: a listener may request the clip meanwhile.
    Clip.objects.record_all((spec.speech for spec in specs), ContentType.ANALYSIS, are_shareable=True)
    specs = _fit_for_others(specs)
    replace_pins({Pin.Reason.POPULAR: {spec.speech.content_hash for spec in specs}})
    if not specs:
        return None
    return start_run("popular reflections", specs, requested_by="schedule", automatic=True)


def _fit_for_others(specs: list[ClipSpec]) -> list[ClipSpec]:
    """Leave out texts on record as a person's own words: never stored, they would be paid for every night."""
    shareable = Clip.objects.filter(is_shareable=True)
    found = shareable.filter(content_hash__in=[spec.speech.content_hash for spec in specs])
    hashes = set(found.values_list("content_hash", flat=True))
    return [spec for spec in specs if spec.speech.content_hash in hashes]


# --- on this host -----------------------------------------------------------------------------------------
def keep_at_hand(cache: SpeechCache) -> None:
    """Have the file tier keep the popular clips, and fetch some that it lacks. Raises TierError."""
    for tier in cache.tiers.local:
        if isinstance(tier, FileTier):
            kept = list(_that_find_room(tier.room_for_kept_bytes))
            tier.set_kept(frozenset(kept))
            for content_hash in [each for each in kept if not tier.has(each)][:FETCHED_AT_ONCE]:
                found = (permanent.get(content_hash) for permanent in cache.tiers.permanents)
                if (entry := next(filter(None, found), None)) is not None:
                    tier.put(entry)


def _that_find_room(room_bytes: int) -> Iterator[str]:
    """The popular clips that are ready, in a fixed order, as many as fit.

    With more than fit, the clips would push each other out of the tier for ever.
    """
    with as_tier_error():
        held = Pin.objects.in_force().filter(reason=Pin.Reason.POPULAR).values("content_hash")
        clips = Clip.objects.with_audio().filter(content_hash__in=held)
        rows = list(clips.order_by("content_hash").values_list("content_hash", "audio_file_size"))
    for content_hash, size in rows:
        if (size or 0) <= room_bytes:
            room_bytes -= size or 0
            yield content_hash
