"""A published clip has a link for nginx exactly while it is published, whole and of that version."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from harness.clips import KEY, entry
from ttscache.errors import TierError
from ttscache.tiers import checksum_of
from ttscache.tiers.files import FileTier
from ttscache.tiers.links import ClipLinks

pytestmark = pytest.mark.any_database

OLD, NEW = b"old sound", b"new sound"


class Linked:
    """A file tier in one folder, and its links in another."""

    def __init__(self, tmp_path: Path, *, are_private_linked: bool = False, max_bytes: int = 1_000) -> None:
        self.folder, self.files = tmp_path / "links", tmp_path / "files"
        self.folder.mkdir(exist_ok=True)
        links = ClipLinks(self.folder, are_private_linked=are_private_linked)
        self.tier = FileTier(self.files, max_bytes, links)

    @property
    def links(self) -> dict[str, bytes]:
        """Side and version of each link, with its bytes."""
        found = (path for path in self.folder.rglob("*") if path.is_file())
        return {f"{path.relative_to(self.folder).parts[0]}/{path.name}": path.read_bytes() for path in found}


def link(audio: bytes, side: str = "public") -> str:
    return f"{side}/{checksum_of(audio)[:8]}.mp3"


def published(audio: bytes = OLD, content_hash: str = KEY) -> object:
    return entry(content_hash, audio, is_published=True)


@pytest.fixture
def linked(tmp_path: Path) -> Linked:
    return Linked(tmp_path)


def test_a_published_clip_has_a_link_named_by_its_version_that_takes_no_room(linked: Linked) -> None:
    linked.tier.put(published())  # type: ignore[arg-type]
    assert linked.links == {link(OLD): OLD}
    [name], [file] = linked.folder.rglob("*.mp3"), linked.files.rglob("*.mp3")
    assert name.samefile(file)
    assert name.parent == linked.folder / "public" / KEY[:2] / KEY


def test_a_private_clip_has_no_link(linked: Linked) -> None:
    linked.tier.put(entry(KEY, OLD))
    assert linked.links == {}
    [file] = linked.files.rglob("*.mp3")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_replaced_clip_has_a_link_of_its_new_version_only(linked: Linked) -> None:
    for audio in (OLD, NEW):
        linked.tier.put(published(audio))  # type: ignore[arg-type]
    assert linked.links == {link(NEW): NEW}


def test_a_removed_clip_has_no_link(linked: Linked) -> None:
    linked.tier.put(published())  # type: ignore[arg-type]
    linked.tier.delete(KEY)
    assert linked.links == {}


def test_a_clip_that_made_room_for_others_has_no_link(tmp_path: Path) -> None:
    linked = Linked(tmp_path, max_bytes=15)
    for content_hash in (KEY, KEY[::-1]):
        linked.tier.put(published(content_hash=content_hash))  # type: ignore[arg-type]
    assert linked.links == {link(OLD): OLD}
    assert [content_hash for content_hash, _ in linked.tier.entries()] == [
        path.parent.name for path in linked.folder.rglob("*.mp3")
    ]


def test_a_link_comes_and_goes_with_the_publication_of_its_clip(linked: Linked) -> None:
    linked.tier.put(entry(KEY, OLD))
    linked.tier.set_published(frozenset([KEY]))
    assert linked.links == {link(OLD): OLD}
    linked.tier.set_published(frozenset())
    assert linked.links == {}
    [file] = linked.files.rglob("*.mp3")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600, "the private copy is a file of its own"


def test_a_link_whose_file_was_removed_by_hand_ends_with_the_publication(linked: Linked) -> None:
    linked.tier.put(published())  # type: ignore[arg-type]
    for file in linked.files.rglob(f"{KEY}.*"):
        file.unlink()
    linked.tier.set_published(frozenset())
    assert linked.links == {}


def test_clips_from_before_the_setting_get_their_links(tmp_path: Path) -> None:
    FileTier(tmp_path / "files", 1_000).put(published())  # type: ignore[arg-type]
    linked = Linked(tmp_path)
    linked.tier.set_published(frozenset([KEY]))
    assert linked.links == {link(OLD): OLD}


def test_a_damaged_file_gets_no_link(tmp_path: Path) -> None:
    FileTier(tmp_path / "files", 1_000).put(published())  # type: ignore[arg-type]
    linked = Linked(tmp_path)
    [file] = linked.files.rglob("*.mp3")
    file.write_bytes(b"damaged")
    linked.tier.set_published(frozenset([KEY]))
    assert linked.links == {}


def test_links_of_private_clips_are_made_only_where_the_settings_say_so(tmp_path: Path) -> None:
    linked = Linked(tmp_path, are_private_linked=True)
    linked.tier.put(entry(KEY, OLD))
    assert linked.links == {link(OLD, "private"): OLD}
    Linked(tmp_path).tier.set_published(frozenset())
    assert linked.links == {}


@pytest.mark.parametrize("now", ["", "elsewhere"])
def test_links_of_earlier_settings_are_removed(linked: Linked, tmp_path: Path, now: str) -> None:
    """nginx may still be told to look for them."""
    linked.tier.put(published())  # type: ignore[arg-type]
    linked.tier.set_published(frozenset([KEY]))
    (linked.folder / "public" / "note").write_text("not ours")
    links = ClipLinks(tmp_path / now, are_private_linked=False) if now else None
    FileTier(linked.files, 1_000, links).set_published(frozenset([KEY]))
    assert linked.links == {"public/note": b"not ours"}


def test_a_clip_is_kept_where_no_link_can_be_made(tmp_path: Path) -> None:
    linked = Linked(tmp_path)
    linked.folder.rmdir()
    linked.folder.write_text("not a folder")
    with pytest.raises(TierError):  # the old version may still have a link
        linked.tier.put(published())  # type: ignore[arg-type]
