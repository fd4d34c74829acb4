"""An editor hears her own draft and asks to publish; a publisher finds the wish: in a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, Page, expect

from harness.admin_pages import admin_address, edit
from harness.staff_actions import make_groups, staff_client
from narratives.models import Narrative, PublishingWish
from ttscache.models import WarmItem

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

NEW = "Where did it all begin?"


@pytest.fixture
def open_as(browser: Browser, live_server: Any) -> Iterator[Callable[[str, str], Page]]:
    """A function that opens an address as a new member of this group."""
    contexts = []

    def open_one(group: str, address: str) -> Page:
        client: Client = staff_client(group)
        context = browser.new_context(base_url=live_server.url)
        contexts.append(context)
        cookie = client.cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
        page = context.new_page()
        page.goto(address)
        return page

    yield open_one
    for context in contexts:
        context.close()


@pytest.mark.usefixtures("paid_voice")
def test_an_editor_hears_the_draft_and_asks_and_a_publisher_sees_what_changed(
    heard_question: Narrative, open_as: Callable[[str, str], Page]
) -> None:
    make_groups()
    edit(heard_question, NEW)
    page = open_as("Editor", admin_address(heard_question.journey))
    User.objects.filter(username="editor").update(first_name="Ana Lopez")

    page.get_by_role("link", name="Hear my draft: 1 clip, about $0.001, $0.100 of today's").click()
    page.get_by_role("button", name="Make them").click()
    expect(page.get_by_text("The audio of your draft is being made.")).to_be_visible()
    assert WarmItem.objects.get().clip.content_text == NEW

    page.get_by_role("link", name="Ask to publish").click()
    page.get_by_role("button", name="Ask to publish").click()
    expect(page.get_by_text("Ana Lopez asks to publish this journey")).to_be_visible()
    assert PublishingWish.objects.exists()

    publisher = open_as("Publisher", "/admin/")
    publisher.get_by_role("link", name="Ana Lopez asks to publish “Ours”: 1 text changes").click()
    expect(publisher.locator("ins", has_text=NEW)).to_be_visible()
