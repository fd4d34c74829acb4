"""The admin log has every staff action with its author, and costs and removals with their amount."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from harness import staff_actions as actions
from harness.clips import speech
from harness.staff_actions import NEW, admin_page, choose, narrative, staff_client, waiting_is
from harness.staff_pages import YES
from narratives import publishing
from narratives.editing import import_export
from narratives.models import BankReflection, Journey, Pronunciation
from ttscache.models import Clip

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("journey")]

Action = Callable[[Client], Any]

PAID = r"\d+ clips? (is|are) (being made|missing|tried again|still to be made): [\d,]+ characters, about \$"
GIVEN_UP = r"\d+ clips? (is|are) given up: [\d,]+ characters, about \$"
REMOVED = r"1 clip is (being )?removed: 1\.0\sKB, about \$"


def log_entries(client: Client, action: Action) -> list[str]:
    """Do the action, and return its log entries; all must name the client's user as the author."""
    before = set(LogEntry.objects.values_list("pk", flat=True))
    action(client)
    entries = LogEntry.objects.exclude(pk__in=before).select_related("user")
    assert all(str(entry.user.pk) == client.session["_auth_user_id"] for entry in entries)
    return [entry.get_change_message() for entry in entries]


# --- actions that test_groups.py does not have ------------------------------------------------------------
def publishes_at_once(client: Client) -> None:
    choose(client, "publish_chosen", at_once="1")


def tries_a_publication_again(client: Client) -> None:
    waiting_is(client, "make")


def makes_the_bank(client: Client) -> None:
    reflection = BankReflection.objects.create(text="That was a good morning. Thank you for it.")
    chosen = {"action": "make_chosen", "_selected_action": [reflection.pk]}
    client.post(admin_page("narratives.bankreflection"), chosen | YES)


def makes_texts_with_a_word(client: Client) -> None:
    entry = Pronunciation.objects.create(word="begin", say_as="beginn")
    client.post(admin_page("narratives.pronunciation", "make_examples", entry.pk), YES)


def changes_a_pronunciation(client: Client) -> None:
    form = {"word": "Where", "say_as": "Ware", "voice": "", "note": ""}
    client.post(admin_page("narratives.pronunciation", "add"), form | YES | {"publish_sounds": "1"})


def imports(client: Client) -> None:
    journey = Journey.objects.get()
    address = admin_page("narratives.journey", "import_file", journey.pk)
    given = io.BytesIO(import_export.as_json(journey).replace(NEW, "And then?").encode())
    given.name = "ours.json"
    asked = client.post(address, {"file": given})
    client.post(address, dict(asked.context["hidden"]) | YES)


def imports_words(client: Client) -> None:
    journey = Journey.objects.get()
    address = admin_page("narratives.journey", "import_file", journey.pk)
    said = json.loads(import_export.as_json(journey))
    given = io.BytesIO(json.dumps(said | {"lexicon": [{"word": "Where", "say_as": "Ware"}]}).encode())
    given.name = "ours.json"
    asked = client.post(address, {"file": given})
    client.post(address, dict(asked.context["hidden"]) | YES)


def restores(client: Client) -> None:
    address = reverse("admin:narratives_journey_restore", args=[Journey.objects.get().pk, 1])
    client.post(address, YES)


def an_old_clip() -> Clip:
    clip = Clip.objects.record(speech("Nobody asks for this."), "question")
    long_ago = timezone.now() - timedelta(days=100)
    Clip.objects.filter(pk=clip.pk).update(
        last_accessed_at=long_ago, stored_at=long_ago, audio_file_size=1_024
    )
    return clip


def removes_a_clip(client: Client) -> None:
    an_old_clip()
    address = admin_page("ttscache.clip", "stale")
    plan = client.get(address).context["plan"]
    client.post(address, {"run": plan.pk})


def clears_a_clip(client: Client) -> None:
    an_old_clip()
    actions.clears_old_clips(client)


# --- the tests --------------------------------------------------------------------------------------------
ACTIONS: dict[Action, tuple[str, str]] = {  # action: the group that does it, and a pattern of its log entry
    actions.saves_and_publishes: ("Publisher", PAID),
    actions.publishes_the_journey: ("Publisher", PAID),
    actions.publishes_chosen: ("Publisher", PAID),
    publishes_at_once: ("Publisher", PAID),
    actions.publishes_anyway: ("Publisher", PAID),
    tries_a_publication_again: ("Publisher", PAID),
    actions.takes_back_what_waits: ("Publisher", r"Version 2 is cancelled"),
    actions.makes_the_journey: ("Operator", PAID),
    actions.makes_chosen: ("Operator", PAID),
    actions.makes_what_is_published: ("Operator", PAID),
    actions.makes_what_is_missing: ("Operator", PAID),
    actions.makes_a_reflection_in_another_voice: ("Operator", PAID),
    actions.tries_what_failed_again: ("Operator", PAID),
    actions.tries_failed_clips_again: ("Operator", PAID),
    actions.lets_a_run_go_on: ("Operator", PAID),
    actions.pauses_a_run: ("Operator", r"Paused\."),
    actions.cancels_a_run: ("Operator", GIVEN_UP),
    makes_the_bank: ("Publisher", PAID),
    makes_texts_with_a_word: ("Publisher", PAID),
    changes_a_pronunciation: ("Publisher", PAID),
    actions.adds_a_heard_reflection_to_the_bank: ("Publisher", r"from the most heard reflections"),
    actions.hides_a_reflection: ("Operator", r"Hidden from the most heard"),
    imports: ("Editor", r"Imported: 1 text changed"),
    imports_words: (
        "Editor",
        r"Lexicon: Where → Ware\. This changes \d clips .* to be made: \d+ characters, about \$",
    ),
    restores: ("Editor", r"1 text now reads as in version 1"),
    removes_a_clip: ("Operator", REMOVED),
    clears_a_clip: ("Operator", REMOVED),
    actions.stops_a_prune: ("Operator", r"Stopped\."),
}


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.__name__)
def test_every_staff_action_is_logged_and_costs_and_removals_with_count_and_price(action: Action) -> None:
    group, says = ACTIONS[action]
    assert any(re.search(says, message) for message in log_entries(staff_client(group), action)), says


def test_opening_pages_and_confirmations_is_not_logged() -> None:
    client = staff_client("Operator")
    cache.clear()
    publishing.publish([narrative()])

    def looks(client: Client) -> None:
        for address in (reverse("admin:index"), *(admin_page("ttscache.clip", each) for each in ASKING)):
            assert client.get(address).status_code in (200, 302)

    assert log_entries(client, looks) == []


ASKING = ("stale", "make_missing", "retry")
