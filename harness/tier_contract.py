"""Tests that every tier must pass. Inherit the class and define a fixture `tier`."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from harness.clips import KEY, OTHER, entry
from ttscache.tiers import Entry, LocalTier, Tier, checksum_of
from ttscache.tiers.memory import MemoryTier


class TierContract:
    def test_a_tier_returns_none_for_a_miss(self, tier: Tier) -> None:
        assert tier.get(KEY) is None

    def test_a_tier_returns_a_clip_byte_for_byte(self, tier: Tier) -> None:
        sound = bytes(range(256)) * 300
        tier.put(entry(sound=sound))
        found = tier.get(KEY)

        assert found is not None
        assert (found.audio, found.checksum, found.duration_ms) == (sound, checksum_of(sound), 1_000)
        assert (found.voice, found.content_type, found.characters) == ("nova", "question", 40)

    def test_a_tier_remembers_a_clip_made_ahead_until_it_is_remade(self, tier: Tier) -> None:
        tier.put(entry(made_ahead=True))
        assert tier.get(KEY).made_ahead  # type: ignore[union-attr]
        tier.put(entry())

        assert not tier.get(KEY).made_ahead  # type: ignore[union-attr]

    def test_a_second_put_replaces_the_first_clip(self, tier: Tier) -> None:
        tier.put(entry(sound=b"old"))
        tier.put(entry(sound=b"newer"))

        assert tier.get(KEY).audio == b"newer"  # type: ignore[union-attr]
        assert list(tier.entries()) == [(KEY, 5)]

    def test_a_deleted_clip_is_a_miss(self, tier: Tier) -> None:
        tier.put(entry())
        tier.delete(KEY)

        assert tier.get(KEY) is None
        assert list(tier.entries()) == []

    def test_deleting_an_unknown_clip_is_silent(self, tier: Tier) -> None:
        tier.delete(KEY)

    def test_a_tier_lists_its_clips(self, tier: Tier) -> None:
        tier.put(entry(sound=b"abc"))
        tier.put(entry(OTHER, b"de"))

        assert sorted(tier.entries()) == [(KEY, 3), (OTHER, 2)]


class LocalTierContract(TierContract):
    def test_a_local_tier_learns_which_clips_are_published(self, tier: LocalTier) -> None:
        tier.put(entry())
        tier.put(entry(OTHER, is_published=True))
        tier.set_published(frozenset([KEY]))

        assert tier.get(KEY).is_published  # type: ignore[union-attr]
        assert not tier.get(OTHER).is_published  # type: ignore[union-attr]

    def test_a_local_tier_gives_out_a_published_clip_alone_when_asked_for_that(self, tier: LocalTier) -> None:
        tier.put(entry())
        tier.put(entry(OTHER, is_published=True))

        assert tier.get_published(KEY) is None
        assert tier.get_published(OTHER) == tier.get(OTHER)
        assert tier.get_published("0" * 32) is None

    def test_a_newer_clip_survives_a_change_of_its_publicity(
        self, tier: LocalTier, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Another thread puts new bytes while this one marks what is published."""
        tier.put(entry(sound=b"old"))
        another = threading.Thread(target=tier.put, args=(entry(sound=b"newer"),))

        def put_meanwhile() -> None:
            if not another.ident:
                another.start()
                another.join(0.3)  # if the tier makes it wait, it continues after us

        with meanwhile(monkeypatch, tier, put_meanwhile):
            tier.set_published(frozenset([KEY]))
        another.join()

        found = tier.get(KEY)
        assert found is not None
        assert found.audio == b"newer"

    def test_a_clip_too_large_for_a_tier_removes_its_older_form(self, tier: LocalTier) -> None:
        tier.put(entry(sound=b"old"))
        tier.put(entry(sound=bytes(1_000_001)))

        assert tier.get(KEY) is None


@contextmanager
def meanwhile(monkeypatch: pytest.MonkeyPatch, tier: LocalTier, act: Callable[[], None]) -> Iterator[None]:
    """Call `act` after the tier has read an entry and before it writes it back."""
    where = "ttscache.tiers.memory" if isinstance(tier, MemoryTier) else "ttscache.tiers.files"

    def replace_later(given: Entry, **changes: Any) -> Entry:
        if "audio" not in changes:
            act()
        return dataclasses.replace(given, **changes)

    with monkeypatch.context() as patch:
        patch.setattr(f"{where}.replace", replace_later)
        yield
