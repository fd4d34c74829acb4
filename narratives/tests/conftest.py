"""A small published journey for tests of the staff pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone
from django_q.models import OrmQ
from playwright.sync_api import Browser, Page

from harness.prepared_rows import put_rows_of
from narratives import publishing
from narratives.models import Journey, Narrative
from ttscache.models import Clip, WarmRun

TEXTS = {"intro": "Welcome.", "question": "Where did it begin?", "outro": "Thank you."}


def published_journey() -> Journey:
    """Return a live journey with an intro, a question and an outro: version 1 by ana, without clips."""
    journey = Journey.objects.create(slug="ours", title="Ours", is_live=True, is_default=True)
    publishing.publish(
        [
            Narrative.objects.create(
                journey=journey, kind=kind, slug=kind, title=kind.capitalize(), text=text, position=position
            )
            for position, (kind, text) in enumerate(TEXTS.items())
        ],
        requested_by="ana",
    )
    WarmRun.objects.all().delete()
    OrmQ.objects.all().delete()
    return journey


@pytest.fixture
def journey(db: None) -> Journey:
    """A published journey without clips."""
    put_rows_of(published_journey)
    return Journey.objects.get()


@pytest.fixture
def question(journey: Journey) -> Narrative:
    return journey.narratives.get(kind="question")


@pytest.fixture
def heard_journey(db: None) -> Journey:
    """A published journey with all its clips."""
    put_rows_of(published_journey)
    Clip.objects.update(stored_at=timezone.now(), checksum="0123456789abcdef", duration_ms=7_000)
    return Journey.objects.get()


@pytest.fixture
def heard_question(heard_journey: Journey) -> Narrative:
    return heard_journey.narratives.get(kind="question")


@pytest.fixture
def paid_voice(settings: Any) -> None:
    settings.TTSCACHE = {**settings.TTSCACHE, "provider": "openai", "openai_api_key": "sk-test"}


@pytest.fixture
def open_page(browser: Browser, live_server: Any, admin_client: Any) -> Iterator[Callable[..., Page]]:
    contexts = []

    def open_one(address: str, **options: Any) -> Page:
        context = browser.new_context(base_url=live_server.url, **options)
        contexts.append(context)
        cookie = admin_client.cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
        page = context.new_page()
        page.goto(address)
        return page

    yield open_one
    for context in contexts:
        context.close()
