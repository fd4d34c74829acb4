"""What a text would be like, before it is spoken: how long, at what price, how easy to follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Sum
from django.db.models.functions import Length

from narratives.text.lexicon import Lexicon
from narratives.text.writing_advice import advice, reading, sentences
from ttscache.accounting.prices import TYPICAL_CHARACTERS_A_SECOND, list_price_usd
from ttscache.conf import conf
from ttscache.models import Clip, Pin
from ttscache.renditions.current import live_rendition

ENOUGH_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Estimate:
    """In numbers and sentences. Seconds and price are those of the slowest and dearest voice."""

    characters: int
    sentences: int
    seconds: float
    price_usd: float
    reading: str
    advice: tuple[str, ...]

    @property
    def price(self) -> str:
        """Of one voice; a voice without a price costs nothing."""
        return f"${self.price_usd:.4f} a voice" if self.price_usd else "free of charge"


def paces() -> dict[str, float]:
    """Characters a second of each listener voice, by its published clips; the usual ones of a voice that has
    too few. One query."""
    published = Pin.objects.published().values("content_hash")
    clips = Clip.objects.with_audio().filter(content_hash__in=published, duration_ms__gt=0)
    rows = (
        clips.order_by()
        .values("voice", "model")
        .annotate(characters=Sum(Length("content_text")), milliseconds=Sum("duration_ms"))
    )
    measured = {
        (row["model"], row["voice"]): row["characters"] / row["milliseconds"] * 1000
        for row in rows
        if row["milliseconds"] >= ENOUGH_SECONDS * 1000
    }
    played_by = {voice: live_rendition(voice) for voice in conf().listener_voices}
    return {
        voice: measured.get((by.model, by.voice), TYPICAL_CHARACTERS_A_SECOND)
        for voice, by in played_by.items()
    }


def estimate(text: str, lexicon: Lexicon, pace: Mapping[str, float]) -> Estimate:
    """Of the spoken form for time and price; of what is written for everything else."""
    spoken = {voice: len(lexicon.spoken(text, voice)) for voice in pace}
    return Estimate(
        characters=len(text),
        sentences=len(sentences(text)),
        seconds=max((length / pace[voice] for voice, length in spoken.items()), default=0),
        price_usd=max(
            (list_price_usd(live_rendition(voice).model, length) for voice, length in spoken.items()),
            default=0,
        ),
        reading=reading(text),
        advice=tuple(advice(text)),
    )
