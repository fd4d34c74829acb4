"""Writing, ordering, hearing, publishing: what staff do, and what listeners notice of it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from harness.admin_pages import (
    JOURNEYS,
    NARRATIVES,
    badges,
    edit,
    heard,
    journey_form,
    make_clip,
    make_clips,
    narrative_form,
    page_of,
    said,
)
from narratives import publishing
from narratives.editing import drafts
from narratives.models import Journey, Narrative, Pronunciation
from ttscache import warming
from ttscache.conf import conf
from ttscache.models import Clip, Pin, WarmItem, WarmRun

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

TEXTS = {"intro": "Welcome.", "question": "Where did it begin?", "outro": "Thank you."}


@pytest.fixture
def journey() -> Journey:
    """Live, with an intro, a question and an outro; their clips are still to be made."""
    journey = Journey.objects.create(slug="ours", title="Ours", is_live=True, is_default=True)
    publishing.publish(
        [
            Narrative.objects.create(
                journey=journey, kind=kind, slug=kind, title=kind.capitalize(), text=text, position=position
            )
            for position, (kind, text) in enumerate(TEXTS.items())
        ]
    )
    WarmRun.objects.all().delete()
    OrmQ.objects.all().delete()
    return journey


@pytest.fixture
def question(journey: Journey) -> Narrative:
    return journey.narratives.get(kind="question")


@pytest.fixture
def paid(settings: Any) -> None:
    settings.TTSCACHE = {**settings.TTSCACHE, "provider": "openai", "openai_api_key": "sk-test"}


def sounds(client: Client, narrative: Narrative) -> list[str]:
    return badges(client.get(page_of(narrative)))[: len(conf().listener_voices)]


class TestHowANarrativeSounds:
    def test_not_made(self, admin_client, question):
        assert sounds(admin_client, question) == ["Not made", "Not made"]

    def test_up_to_date_in_one_voice_only(self, admin_client, question):
        make_clip(question.text, "onyx")
        assert sounds(admin_client, question) == ["Not made", "Up to date"]

    def test_out_of_date_plays_what_listeners_hear(self, admin_client, question):
        make_clips(question.text)
        live = question.live.speech("nova").content_hash
        edit(question, "Where did it all begin?")
        page = admin_client.get(page_of(question))
        assert badges(page) == ["Out of date", "Out of date", "Draft with changes"]
        assert f"/api/audio/{live}.mp3?v=01234567" in page.content.decode()
        assert page.content.decode().count("text changed just now") == 2

    def test_out_of_date_tells_since_when_or_that_it_is_the_lexicon(self, admin_client, question):
        make_clips(question.text)
        edit(question, "Where did it all begin?")
        Narrative.objects.update(edited_at=timezone.now() - timedelta(minutes=2))
        assert "text changed 2\xa0minutes ago" in admin_client.get(page_of(question)).content.decode()
        edit(question, "Where did it begin?")
        Pronunciation.objects.create(word="begin", say_as="beginn")
        assert "the lexicon says it otherwise" in admin_client.get(page_of(question)).content.decode()

    def test_a_draft_that_is_made_is_ready_to_publish_and_plays_itself(self, admin_client, question):
        edit(question, "Where did it all begin?")
        make_clips(question.text)
        page = admin_client.get(page_of(question))
        assert badges(page)[:2] == ["Ready to publish", "Ready to publish"]
        assert question.draft_speech("nova").content_hash in page.content.decode()

    @pytest.mark.parametrize("state", ["queued", "making"])
    def test_being_made(self, admin_client, question, state):
        run = publishing.warm(question.journey, "nova")
        run.items.update(state=state)
        assert sounds(admin_client, question) == ["Being made", "Not made"]

    def test_what_is_held_up_says_why(self, admin_client, question):
        warming.pause(publishing.warm(question.journey, "nova"), WarmRun.Pause.BUDGET)
        page = admin_client.get(page_of(question))
        assert badges(page)[:2] == ["Being made", "Not made"]
        assert "budget is spent; this goes on by itself" in page.content.decode()

    def test_failed_says_why(self, admin_client, question):
        run = publishing.warm(question.journey, "nova")
        run.items.update(state="failed", reason="The voice service is not available just now.")
        page = admin_client.get(page_of(question))
        assert badges(page)[0] == "Failed"
        assert "The voice service is not available just now." in page.content.decode()

    def test_failed_says_that_what_plays_is_not_the_new_text(self, admin_client, question):
        make_clips(question.text)
        edit(question, "Where did it all begin?")
        drafts.make_clip(question, "nova")
        WarmRun.objects.get().items.update(state="failed", reason="The voice service was busy.")
        page = admin_client.get(page_of(question))
        assert badges(page)[:2] == ["Failed", "Out of date"]
        assert (
            "The voice service was busy. Until it is there, this is what listeners hear."
            in page.content.decode()
        )

    def test_what_was_never_published_is_not_made(self, admin_client, journey):
        new = Narrative.objects.create(journey=journey, slug="new", title="New", text="And then?")
        page = admin_client.get(page_of(new))
        assert badges(page) == ["Not made", "Not made", "Not published"]

    def test_another_title_leaves_the_sound_up_to_date(self, admin_client, question):
        make_clips(question.text)
        Narrative.objects.filter(pk=question.pk).update(title="Beginnings")
        page = admin_client.get(page_of(question))
        assert badges(page) == ["Up to date", "Up to date", "Draft with changes"]

    def test_the_journey_and_the_lists_say_the_same(self, admin_client, journey, question):
        make_clips(question.text)
        page = admin_client.get(page_of(journey))
        assert badges(page) == ["Live"] + ["Not made"] * 2 + ["Up to date"] * 2 + ["Not made"] * 2
        assert "2 of 6 clips up to date" in page.content.decode()
        assert badges(admin_client.get(NARRATIVES)).count("Up to date") == 2
        assert "2 of 6" in admin_client.get(JOURNEYS).content.decode()


class TestDrafts:
    def test_saving_one_changes_nothing_for_listeners_and_makes_nothing(
        self, admin_client, journey, django_capture_on_commit_callbacks
    ):
        before, clips = heard(admin_client), Clip.objects.count()
        with django_capture_on_commit_callbacks(execute=True):
            form = journey_form(journey, **{"narratives-1-text": "Where did it all begin?"})
            assert admin_client.post(page_of(journey), form).status_code == 302
        assert heard(admin_client) == before
        assert (Clip.objects.count(), WarmItem.objects.count(), OrmQ.objects.count()) == (clips, 0, 0)
        assert journey.narratives.get(kind="question").text == "Where did it all begin?"

    def test_one_that_is_saved_is_held(self, admin_client, question):
        admin_client.post(page_of(question), narrative_form(question, text="Where did it all begin?"))
        question.refresh_from_db()
        held = Pin.objects.filter(reason=Pin.Reason.DRAFT).values_list("content_hash", flat=True)
        assert question.draft_speech("nova").content_hash in held

    def test_editing_is_dated(self, admin_client, question):
        before = question.edited_at
        admin_client.post(page_of(question), narrative_form(question, text="Where did it all begin?"))
        question.refresh_from_db()
        assert question.edited_at > before

    def test_a_new_question_comes_before_the_outro_and_gets_a_name_of_its_own(self, admin_client, journey):
        new = {
            "title": "Intro",
            "kind": "question",
            "text": "And then?",
            "position": 0,
            "journey": journey.pk,
        }
        form = journey_form(journey) | {f"narratives-3-{name}": value for name, value in new.items()}
        response = admin_client.post(page_of(journey), form | {"narratives-TOTAL_FORMS": 4})
        assert response.status_code == 302
        order = journey.narratives.values_list("slug", "position")
        assert list(order) == [("intro", 0), ("question", 1), ("intro-2", 2), ("outro", 3)]

    def test_a_new_narrative_needs_no_slug(self, admin_client, journey):
        form = {
            "journey": journey.pk,
            "title": "More of it",
            "kind": "question",
            "text": "And then?",
            "slug": "",
        }
        assert admin_client.post(reverse("admin:narratives_narrative_add"), form).status_code == 302
        assert journey.narratives.get(slug="more-of-it").position == 2

    @pytest.mark.parametrize("field", ["title", "text"])
    def test_what_nobody_can_see_or_say_is_refused(self, admin_client, question, field):
        page = admin_client.post(page_of(question), narrative_form(question, **{field: "\u200b ?"}))
        assert "It has no letter and no digit." in page.content.decode()

    def test_a_row_without_words_is_refused_and_keeps_the_page(self, admin_client, journey):
        response = admin_client.post(page_of(journey), journey_form(journey, **{"narratives-1-text": ""}))
        assert response.status_code == 200
        assert b"This field is required." in response.content

    def test_order_is_saved_and_heard_at_once(self, admin_client, journey):
        form = journey_form(journey, **{"narratives-0-position": 1, "narratives-1-position": 0})
        admin_client.post(page_of(journey), form)
        assert [title for title, _ in heard(admin_client)] == ["Question", "Intro", "Outro"]


class TestPublishing:
    def test_the_button_asks_first(self, admin_client, journey, question):
        edit(question, "Where did it all begin?")
        page = admin_client.get(page_of(journey, "publish_changes"))
        assert "Where did it all begin?" in page.content.decode()
        assert "2 clips are missing: 46 characters, free of charge." in page.content.decode()
        assert "Where did it begin?" in heard(admin_client)[1]

    def test_then_it_is_made_while_listeners_keep_the_old_words(
        self, admin_client, journey, question, django_capture_on_commit_callbacks
    ):
        edit(question, "Where did it all begin?")
        make_clips("Where did it begin?")
        with django_capture_on_commit_callbacks(execute=True):
            page = admin_client.post(page_of(journey, "publish_changes"), {"confirmed": "yes"}, follow=True)
        assert "Version 2: 1 text. 2 clips are being made" in said(page)
        assert heard(admin_client)[1] == ("Question", "Where did it begin?")
        assert sounds(admin_client, question) == ["Being made", "Being made"]
        assert OrmQ.objects.exists()

    def test_publish_anyway_gives_the_new_words_at_once(self, admin_client, journey, question):
        edit(question, "Where did it all begin?")
        page = admin_client.get(page_of(journey, "publish_changes")).content.decode()
        assert "waits about 2 s" in page
        admin_client.post(page_of(journey, "publish_changes"), {"confirmed": "yes", "at_once": "1"})
        assert heard(admin_client)[1] == ("Question", "Where did it all begin?")

    def test_nothing_to_publish_is_said(self, admin_client, journey):
        page = admin_client.get(page_of(journey, "publish_changes"), follow=True)
        assert "nothing to publish" in said(page)

    def test_saving_and_publishing_in_one(self, admin_client, journey):
        form = journey_form(journey, **{"narratives-1-text": "Where did it all begin?", "_publish": "1"})
        page = admin_client.post(page_of(journey), form, follow=True)
        assert "Version 2: 1 text." in said(page)
        assert journey.waiting.revisions.get().text == "Where did it all begin?"

    def test_saving_and_publishing_one_narrative(self, admin_client, journey, question):
        form = narrative_form(question, text="Where did it all begin?", _publish="1")
        admin_client.post(page_of(question), form)
        assert journey.waiting.revisions.get().text == "Where did it all begin?"

    def test_what_costs_money_is_saved_then_asked_then_published(self, admin_client, journey, question, paid):
        form = narrative_form(question, text="Where did it all begin?", _publish="1")
        page = admin_client.post(page_of(question), form)
        assert "2 clips are missing: 46 characters, about $0.001." in page.content.decode()
        assert (journey.narratives.get(kind="question").text, journey.waiting) == (form["text"], None)
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="(\w+)"', page.content.decode()))
        admin_client.post(page.context["action"], hidden)
        assert journey.waiting.revisions.get().text == form["text"]

    def test_the_action_publishes_what_was_chosen_and_names_the_price(
        self, admin_client, journey, question, paid
    ):
        edit(question, "Where did it all begin?")
        chosen = {"action": "publish_chosen", "_selected_action": question.pk}
        asked = admin_client.post(NARRATIVES, chosen)
        assert "46 characters, about $0.001." in asked.content.decode()
        assert question.revisions.count() == 1
        page = admin_client.post(NARRATIVES, chosen | {"confirmed": "yes"}, follow=True)
        assert "46 characters, about $0.001." in said(page)
        assert question.revisions.count() == 2

    def test_it_is_noted_who_did_it_and_at_what_price(self, admin_client, admin_user, question):
        edit(question, "Where did it all begin?")
        admin_client.post(NARRATIVES, {"action": "publish_chosen", "_selected_action": question.pk})
        noted = admin_user.logentry_set.get().get_change_message()
        assert "Version 2: 1 text. 2 clips are being made: 46 characters, free of charge." in noted

    def test_a_journey_that_is_not_live_has_nothing_made(self, admin_client, journey, question):
        Journey.objects.update(is_live=False)
        edit(question, "Where did it all begin?")
        chosen = {"action": "publish_chosen", "_selected_action": question.pk}
        assert "once the journey is live" in said(admin_client.post(NARRATIVES, chosen, follow=True))
        assert not WarmRun.objects.exists()

    def test_going_live_has_the_clips_made(self, admin_client, journey):
        Journey.objects.update(is_live=False)
        page = admin_client.post(page_of(journey), journey_form(journey), follow=True)
        assert "6 clips are being made" in said(page)
        assert WarmRun.objects.count() == 2

    def test_what_is_published_moves_to_listeners_with_its_sound_only(
        self, admin_client, journey, question, paid
    ):
        other = Journey.objects.create(slug="other", title="Other", is_live=True)
        moved = narrative_form(question, journey=other.pk)
        Journey.objects.filter(pk=journey.pk).update(is_live=False)
        page = admin_client.post(page_of(question), moved)
        assert "2 clips are missing: 38 characters, about $0.001. Make them first." in page.content.decode()
        make_clips(question.text)
        admin_client.post(page_of(question), moved)
        question.refresh_from_db()
        assert question.journey == other


class TestMakingClips:
    def test_what_costs_money_asks_first(self, admin_client, question, paid):
        chosen = {"action": "make_chosen", "_selected_action": question.pk}
        page = admin_client.post(NARRATIVES, chosen)
        assert "2 clips are missing: 38 characters, about $0.001." in page.content.decode()
        assert not WarmRun.objects.exists()
        page = admin_client.post(NARRATIVES, chosen | {"confirmed": "yes"}, follow=True)
        assert "2 clips are being made" in said(page)
        assert sounds(admin_client, question) == ["Being made", "Being made"]

    def test_what_is_free_is_made_at_once(self, admin_client, question):
        page = admin_client.post(
            NARRATIVES, {"action": "make_chosen", "_selected_action": question.pk}, follow=True
        )
        assert "2 clips are being made: 38 characters, free of charge." in said(page)

    def test_the_words_on_the_page_are_made_also_when_they_are_a_draft(self, admin_client, journey, question):
        edit(question, "Where did it all begin?")
        assert b"8 clips are missing" in admin_client.get(page_of(journey, "make_missing")).content
        admin_client.post(page_of(journey, "make_missing"), {"confirmed": "yes"})
        assert sounds(admin_client, question) == ["Being made", "Being made"]
        assert WarmItem.objects.values("clip").distinct().count() == 8

    def test_nothing_missing_is_said(self, admin_client, journey):
        for text in TEXTS.values():
            make_clips(text)
        assert "Every clip is there" in said(admin_client.get(page_of(journey, "make_missing"), follow=True))

    def test_looking_makes_nothing(self, admin_client, journey):
        admin_client.get(page_of(journey, "make_missing"))
        assert not WarmRun.objects.exists()


class TestDeleting:
    def test_it_asks_then_lets_go_of_the_clips(self, admin_client, question):
        content_hash = question.live.speech("nova").content_hash
        assert b"Are you sure" in admin_client.get(page_of(question, "delete")).content
        admin_client.post(page_of(question, "delete"), {"post": "yes"})
        assert [title for title, _ in heard(admin_client)] == ["Intro", "Outro"]
        assert [pin.reason for pin in Pin.objects.filter(content_hash=content_hash)] == [Pin.Reason.RECENT]

    @pytest.mark.parametrize("address", [NARRATIVES, JOURNEYS])
    def test_many_at_once(self, admin_client, journey, address):
        model = Narrative if address == NARRATIVES else Journey
        chosen = {"action": "delete_selected", "_selected_action": [row.pk for row in model.objects.all()]}
        admin_client.post(address, chosen | {"post": "yes"})
        assert not Narrative.objects.exists()
        assert not Pin.objects.exclude(reason=Pin.Reason.RECENT).exists()

    def test_a_row_of_the_journey(self, admin_client, journey):
        admin_client.post(page_of(journey), journey_form(journey, **{"narratives-1-DELETE": "on"}))
        assert [title for title, _ in heard(admin_client)] == ["Intro", "Outro"]
        assert not Pin.objects.filter(reason=Pin.Reason.DRAFT).exists()


def test_a_second_default_journey_is_refused_in_plain_words(admin_client, journey):
    other = Journey.objects.create(slug="other", title="Other")
    page = admin_client.post(page_of(other), journey_form(other, is_default="on"))
    assert "“Ours” is the default now" in page.content.decode()


class TestThoseWhoMayOnlyLook:
    @pytest.fixture
    def client(self, journey: Journey) -> Client:
        user = User.objects.create(username="looker", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=["view_journey", "view_narrative"]))
        client = Client()
        client.force_login(user)
        return client

    def test_they_can_read_and_hear(self, client, journey, question):
        make_clips(question.text)
        page = client.get(page_of(journey)).content.decode()
        assert question.text in page
        assert page.count("<audio") == 2

    def test_they_find_nothing_to_write_or_press(self, client, journey, question):
        for address in (page_of(journey), page_of(question), NARRATIVES):
            page = client.get(address).content.decode()
            assert "<textarea" not in page
            for word in ("Publish changes", "Make missing clips", "Save", "publish_chosen", "data-move="):
                assert word not in page

    def test_who_may_change_a_journey_but_no_words_cannot_publish(self, client, journey, question):
        User.objects.get().user_permissions.add(Permission.objects.get(codename="change_journey"))
        page = client.get(page_of(journey)).content.decode()
        assert ("Save draft" in page, "Save and publish" in page) == (True, False)
        edit(question, "Where did it all begin?")
        client.post(page_of(journey), journey_form(journey, _publish="1"))
        assert heard(client)[1] == ("Question", "Where did it begin?")

    def test_their_deeds_are_refused(self, client, journey, question):
        edit(question, "Where did it all begin?")
        for address in (page_of(journey, "publish_changes"), page_of(journey, "make_missing")):
            assert client.post(address, {"confirmed": "yes"}).status_code == 403
        assert client.post(page_of(journey), journey_form(journey)).status_code == 403
        client.post(NARRATIVES, {"action": "publish_chosen", "_selected_action": question.pk})
        assert heard(client)[1] == ("Question", "Where did it begin?")


class TestFewQueries:
    @pytest.fixture(autouse=True)
    def _content(self) -> None:
        publishing.load_default_content()

    @pytest.mark.parametrize("address", [JOURNEYS, NARRATIVES])
    def test_lists(self, admin_client, django_assert_max_num_queries, address):
        with django_assert_max_num_queries(16):
            admin_client.get(address)

    def test_a_journey_of_many_narratives(self, admin_client, django_assert_max_num_queries):
        with django_assert_max_num_queries(16):
            page = admin_client.get(page_of(Journey.objects.get()))
        assert len(badges(page)) == 1 + 34


@pytest.mark.parametrize("chosen", ["abc", "\x00", "9" * 30], ids=["a word", "nul", "a long number"])
@pytest.mark.parametrize("of", ["narrative", "journey", "bankreflection"])
def test_what_no_list_can_offer_is_refused_when_it_is_chosen(admin_client, of, chosen):
    address = reverse(f"admin:narratives_{of}_changelist")
    chosen_there = {"action": "delete_selected", "_selected_action": chosen}
    assert admin_client.post(address, chosen_there).status_code == 400


def test_a_title_is_never_markup(admin_client, journey, question):
    question.title = journey.title = "<script>alert('x')</script>"
    journey.save()
    edit(question, "<img src=x onerror=alert(1)>")
    make_clips(question.text)
    addresses = [page_of(journey), page_of(question), NARRATIVES, page_of(journey, "publish_changes")]
    pages = [admin_client.get(address).content.decode() for address in addresses]
    published = admin_client.post(page_of(journey, "publish_changes"), {"confirmed": "yes"}, follow=True)
    for page in (*pages, published.content.decode()):
        assert "<script>alert" not in page
        assert "<img src=x" not in page


class TestMakingAllThatIsPublished:
    ADDRESS = reverse("admin:ttscache_warmrun_make_published")

    def test_it_is_offered_on_the_list_of_runs(self, admin_client):
        assert self.ADDRESS in admin_client.get(reverse("admin:ttscache_warmrun_changelist")).content.decode()

    def test_the_plan_comes_first_clip_by_clip(self, admin_client, journey, paid):
        page = admin_client.get(self.ADDRESS).content.decode()
        assert "6 clips are missing: 74 characters, about $0.002." in page
        assert page.count("<td>nova</td>") == page.count("<td>onyx</td>") == 3
        assert "<td>Where did it begin?</td><td>19</td>" in page
        assert not WarmRun.objects.exists()

    def test_who_confirms_it_is_named_and_noted(self, admin_client, journey, admin_user):
        admin_client.post(self.ADDRESS, {"confirmed": "yes"})
        assert {run.asked_by for run in WarmRun.objects.all()} == {admin_user.get_username()}
        made = "Missing clips asked for. 3 clips are being made: 37 characters, free of charge."
        noted = sorted((entry.object_repr, entry.get_change_message()) for entry in LogEntry.objects.all())
        assert noted == [("ours, nova (queued)", made), ("ours, onyx (queued)", made)]

    def test_what_two_journeys_say_is_noted_once(self, admin_client, journey, question):
        other = Journey.objects.create(slug="theirs", title="Theirs", is_live=True)
        same = Narrative.objects.create(journey=other, slug="q", title="Question", text=question.text)
        publishing.publish([same])
        WarmRun.objects.all().delete()
        admin_client.post(self.ADDRESS, {"confirmed": "yes"})
        assert sorted(entry.object_repr for entry in LogEntry.objects.all()) == [
            "ours, nova (queued)",
            "ours, onyx (queued)",
        ]

    def test_where_nothing_is_missing_nobody_is_asked(self, admin_client, journey):
        for text in TEXTS.values():
            make_clips(text)
        assert "Every clip is there" in said(admin_client.get(self.ADDRESS, follow=True))
