"""A site of before gets its versions' texts: listeners notice nothing, and history can be gone back to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.utils import timezone

from narratives import publishing
from narratives.models import Journey, Narrative, Publication

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE = ("narratives", "0008_token_rights")
THEN = timezone.now() - timedelta(days=9)


def migrate(*targets: tuple[str, str]) -> Any:
    executor = MigrationExecutor(connection)
    executor.migrate(list(targets))
    return executor.loader.project_state(list(targets)).apps


@pytest.fixture
def earlier() -> Iterator[Any]:
    """The models of a database as it was before publications had entries."""
    leaves = MigrationExecutor(connection).loader.graph.leaf_nodes("narratives")
    yield migrate(BEFORE)
    migrate(*leaves)


class OldSite:
    """Rows as the earlier version wrote them."""

    def __init__(self, apps: Any) -> None:
        self.apps = apps
        self.journey = self.of("Journey").create(slug="ours", title="Ours", is_live=True, is_default=True)

    def of(self, model: str) -> Any:
        return self.apps.get_model("narratives", model).objects

    def text(self, slug: str, position: int, **fields: Any) -> Any:
        words = {"title": slug, "text": f"Text {slug}."}
        return self.of("Narrative").create(
            journey=self.journey, slug=slug, position=position, **words, **fields
        )

    def version(self, number: int, state: str = "live") -> Any:
        live_at = THEN + timedelta(days=number) if state == "live" else None
        return self.of("Publication").create(
            journey=self.journey, number=number, state=state, live_at=live_at
        )

    def words(self, version: Any, text: Any, words: str = "", pointer: str = "live") -> None:
        said = words or text.text
        revision = self.of("Revision").create(
            narrative=text, publication=version, title=text.title, text=said, spoken_text=said
        )
        setattr(text, pointer, revision)
        text.save()


def upgrade() -> None:
    migrate(*MigrationExecutor(connection).loader.graph.leaf_nodes("narratives"))
    publishing.sync_pins()


def heard() -> list[str]:
    return [one["text"] for one in Client().get("/api/narratives").json()["narratives"]]


def entries(number: int) -> list[tuple[str, str]]:
    version = Publication.objects.get(number=number)
    return [(each.slug, each.revision.text) for each in version.entries.select_related("revision")]


@pytest.fixture
def site(earlier: Any) -> OldSite:
    """Two versions were live; then the order changed, and a text was deleted, at once as it was then."""
    site = OldSite(earlier)
    intro, first, second = site.text("intro", 1, kind="intro"), site.text("q1", 0), site.text("q2", 2)
    one, two = site.version(1), site.version(2)
    for text in (intro, first, second):
        site.words(one, text)
    site.words(two, first, "What came first?")
    first.text = "What came first?"
    first.save()
    second.deleted_at = timezone.now()
    second.save()
    return site


def test_listeners_get_the_texts_and_the_order_they_had_before_the_upgrade(site: OldSite) -> None:
    upgrade()
    assert heard() == ["What came first?", "Text intro."]
    assert publishing.draft_changes(Journey.objects.get()).is_empty


def test_each_earlier_version_gets_the_texts_it_had(site: OldSite) -> None:
    upgrade()
    assert entries(1) == [("q1", "Text q1."), ("intro", "Text intro."), ("q2", "Text q2.")]
    assert entries(2) == [("q1", "What came first?"), ("intro", "Text intro.")]
    assert [each.number for each in Publication.objects.live()] == [2]


def test_a_text_that_listeners_had_lost_is_no_longer_live(site: OldSite) -> None:
    upgrade()
    assert Narrative.everything.get(slug="q2").live is None


def test_a_version_that_waits_for_its_audio_goes_on_waiting(site: OldSite) -> None:
    waiting = site.version(3, "waiting")
    site.words(waiting, site.of("Narrative").get(slug="intro"), "Come in.", pointer="pending")
    site.words(waiting, site.text("q3", 3), pointer="pending")
    upgrade()
    assert entries(3) == [("q1", "What came first?"), ("intro", "Come in."), ("q3", "Text q3.")]
    assert heard() == ["What came first?", "Text intro."]
    assert publishing.publish_anyway(Publication.objects.get(number=3))
    assert heard() == ["What came first?", "Come in.", "Text q3."]


def test_a_deleted_journey_comes_back_with_what_was_live_in_it(site: OldSite) -> None:
    now = timezone.now()
    site.of("Narrative").filter(deleted_at__isnull=True).update(deleted_at=now)
    site.of("Journey").update(deleted_at=now)
    upgrade()
    Narrative.everything.filter(deleted_at=now).update(deleted_at=None)
    Journey.everything.update(deleted_at=None)
    assert heard() == ["What came first?", "Text intro."]


def test_a_journey_that_was_never_published_gets_no_version(earlier: Any) -> None:
    OldSite(earlier).text("q1", 0)
    upgrade()
    assert heard() == []
    assert not Publication.objects.exists()
