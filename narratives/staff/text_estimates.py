"""Estimate a text before it is spoken: its length, price and readability."""

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

ENOUGH_SECONDS = 10  # of published audio, before a voice's own pace is trusted


@dataclass(frozen=True, slots=True)
class Estimate:
    """Figures and advice for one text. `seconds` and `price_usd` are those of the worst voice."""

    characters: int
    sentences: int
    seconds: float
    price_usd: float
    reading: str
    advice: tuple[str, ...]

    @property
    def in_words(self) -> str:
        """For example "98 characters · 2 sentences · about 7 s · $0.0015 a voice · easy to read"."""
        parts = (
            f"{self.characters} character{'' if self.characters == 1 else 's'}",
            f"{self.sentences} sentence{'' if self.sentences == 1 else 's'}",
            f"about {self.seconds:.0f} s",
            self.price,
            self.reading,
        )
        return " · ".join(part for part in parts if part)

    @property
    def price(self) -> str:
        """The price of one voice, in words; voices that cost nothing are free of charge."""
        return f"${self.price_usd:.4f} a voice" if self.price_usd else "free of charge"


def paces() -> dict[str, float]:
    """Characters per second of each listener voice, measured on its published clips.

    A voice with too few clips gets the typical pace. One query.
    """
    published = Pin.objects.published().values("content_hash")
    clips = Clip.objects.with_audio().filter(content_hash__in=published, duration_ms__gt=0)
    # order_by() drops the default ordering, whose columns would split the groups.
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
    """Time and price come from the spoken form; all else comes from the written text."""
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
