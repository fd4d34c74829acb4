"""The listener's page of a whole site, and a person's browser on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext

from harness.listener_visit import REPLIES, MakeVisit, StandInReplies, Visit
from harness.openai_server import OpenAIServer
from harness.site import Site, WebServer


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenAIServer]:
    """The voice of the site and the model that writes its reflections."""
    with OpenAIServer() as provider:
        yield provider


@pytest.fixture(scope="module")
def site(
    provider: OpenAIServer,
    tmp_path_factory: pytest.TempPathFactory,
    with_static_files: Callable[[Path], None],
    with_content: Callable[[Path], None],
) -> Iterator[Site]:
    """A site with the shipped journey, whose clips are made on request, and with a help line."""
    var_dir = tmp_path_factory.mktemp("listener") / "var"
    with_static_files(var_dir)
    with_content(var_dir)
    helpers = {
        "HELP_LINE_NAME": "Samaritans",
        "HELP_LINE_NUMBER": "116 123",
        "EMERGENCY_NUMBER": "999",
        "LOCAL_CONTACT": "The nurse: press the red button.",
    }
    key = {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": provider.base_url}
    site = WebServer(var_dir, {**key, **helpers, "WEB_WORKERS": "1"})
    site.is_prepared = True
    with site:
        yield site


@pytest.fixture(scope="module")
def stand_in(site: Site) -> StandInReplies | None:
    """A stand-in for reflections; None where the site's own address is tested."""
    return StandInReplies(site.url) if StandInReplies.needed_by(site.url) else None


@pytest.fixture
def make_visit(site: Site, browser: Browser, stand_in: StandInReplies | None) -> Iterator[MakeVisit]:
    """Opens a browser's context, or one more tab of a given one. No page may have complained at the end."""
    contexts: list[BrowserContext] = []
    visits: list[Visit] = []

    def make(
        width: int = 820, height: int = 1180, *, beside: Visit | None = None, path: str = "/", **options: Any
    ) -> Visit:
        if beside is None:
            size: Any = {"width": width, "height": height}
            context = browser.new_context(viewport=size, has_touch=True, accept_downloads=True, **options)
            contexts.append(context)
            if stand_in is not None:
                context.route(REPLIES, stand_in.answer)
        else:
            context = beside.page.context
        visits.append(Visit(context, f"{site.url}{path}"))
        return visits[-1]

    yield make
    for context in contexts:
        context.close()
    assert [complaint for visit in visits for complaint in visit.complaints] == []


@pytest.fixture
def visit(make_visit: MakeVisit) -> Visit:
    """A visit on a tablet held upright."""
    return make_visit()
