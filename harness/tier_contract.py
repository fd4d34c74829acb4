"""What holds for every tier, as tests to inherit. The class that inherits it has a fixture `tier`."""

from __future__ import annotations

from harness.clips import KEY, OTHER, entry
from ttscache.tiers import Tier, checksum_of


class TierContract:
    def test_a_miss_is_none(self, tier: Tier) -> None:
        assert tier.get(KEY) is None

    def test_what_was_put_comes_back_byte_for_byte(self, tier: Tier) -> None:
        sound = bytes(range(256)) * 300
        tier.put(entry(sound=sound))
        found = tier.get(KEY)

        assert found is not None
        assert (found.audio, found.checksum, found.duration_ms) == (sound, checksum_of(sound), 1_000)
        assert (found.voice, found.content_type, found.characters) == ("nova", "question", 40)

    def test_it_remembers_what_was_made_ahead_until_it_is_made_anew(self, tier: Tier) -> None:
        tier.put(entry(made_ahead=True))
        assert tier.get(KEY).made_ahead  # type: ignore[union-attr]
        tier.put(entry())

        assert not tier.get(KEY).made_ahead  # type: ignore[union-attr]

    def test_a_second_put_replaces_the_first(self, tier: Tier) -> None:
        tier.put(entry(sound=b"old"))
        tier.put(entry(sound=b"newer"))

        assert tier.get(KEY).audio == b"newer"  # type: ignore[union-attr]
        assert list(tier.entries()) == [(KEY, 5)]

    def test_what_was_deleted_is_a_miss(self, tier: Tier) -> None:
        tier.put(entry())
        tier.delete(KEY)

        assert tier.get(KEY) is None
        assert list(tier.entries()) == []

    def test_deleting_what_is_not_there_is_silent(self, tier: Tier) -> None:
        tier.delete(KEY)

    def test_it_lists_what_it_holds(self, tier: Tier) -> None:
        tier.put(entry(sound=b"abc"))
        tier.put(entry(OTHER, b"de"))

        assert sorted(tier.entries()) == [(KEY, 3), (OTHER, 2)]
