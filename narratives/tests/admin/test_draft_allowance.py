"""An editor hears the draft within the daily allowance that publishers set."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from harness.admin_pages import JOURNEYS, YES, admin_address, edit, make_clips, make_ready_clip, said
from harness.staff_actions import make_groups, staff_client
from harness.staff_pages import text_of
from narratives.models import DraftAllowance, DraftAllowanceDay, Journey, Narrative
from ttscache.models import WarmItem, WarmRun

pytestmark = [pytest.mark.django_db, pytest.mark.any_database, pytest.mark.usefixtures("paid_voice")]

NEW = "Where did it all begin, and who was there with you?"  # 51 characters, $0.00153
ALLOWANCE = f"{JOURNEYS}allowance/"


@pytest.fixture
def editor(db: None) -> Client:
    make_groups()
    return staff_client("Editor")


@pytest.fixture
def draft(heard_question: Narrative) -> Narrative:
    """A changed draft of a question whose other texts can be heard."""
    edit(heard_question, NEW)
    return heard_question


def allow(usd: float) -> None:
    DraftAllowance.objects.update_or_create(pk=1, defaults={"usd_a_day": usd})


def queued() -> list[tuple[str, str]]:
    """Voice and words of each clip that is about to be made."""
    items = WarmItem.objects.filter(run__in=WarmRun.objects.active())
    return list(items.values_list("clip__voice", "clip__content_text"))


class TestHearing:
    @pytest.mark.parametrize("page", ["text", "journey"])
    def test_a_page_offers_to_make_the_draft_heard_with_count_price_and_allowance(
        self, editor: Client, draft: Narrative, page: str
    ) -> None:
        thing = draft if page == "text" else draft.journey
        says = text_of(editor.get(admin_address(thing)))

        assert "Hear my draft: 1 clip, about $0.002, $0.100 of today's allowance left" in says.replace(
            "&#x27;", "'"
        )

    @pytest.mark.parametrize("page", ["text", "journey"])
    def test_hearing_asks_first_and_makes_the_missing_clips_in_one_voice(
        self, editor: Client, draft: Narrative, page: str
    ) -> None:
        thing = draft if page == "text" else draft.journey
        question = text_of(editor.get(admin_address(thing, "hear")))
        assert "1 clip is missing: 51 characters, about $0.002." in question
        assert not queued()

        editor.post(admin_address(thing, "hear"), YES)

        assert queued() == [("nova", NEW)]
        assert DraftAllowanceDay.objects.get().microusd == 1_530
        assert [entry.get_change_message() for entry in LogEntry.objects.all()] == [
            "Heard the draft in nova. 1 clip is being made: 51 characters, about $0.002."
        ]

    def test_clips_under_way_are_not_paid_for_again(self, editor: Client, draft: Narrative) -> None:
        editor.post(admin_address(draft, "hear"), YES, follow=True)
        answer = editor.post(admin_address(draft, "hear"), YES, follow=True)

        assert said(answer) == "The audio of your draft is being made."
        assert DraftAllowanceDay.objects.get().microusd == 1_530

    def test_a_used_up_allowance_refuses_in_plain_words(self, editor: Client, draft: Narrative) -> None:
        allow(0.001)
        answer = editor.post(admin_address(draft, "hear"), YES, follow=True)

        assert said(answer) == (
            "Too little of today's allowance for hearing drafts is left: this needs about $0.002, and $0.001 "
            "is left. There is more from midnight UTC, or a publisher can raise it."
        )
        assert not queued()
        assert not DraftAllowanceDay.objects.exists()

    def test_the_last_money_can_go_between_the_look_and_the_press(
        self, editor: Client, draft: Narrative, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        spend = DraftAllowance.spend

        def somebody_else_first(self: DraftAllowance, usd: float) -> bool:
            assert spend(self, 0.0995)
            return spend(self, usd)

        monkeypatch.setattr(DraftAllowance, "spend", somebody_else_first)
        answer = editor.post(admin_address(draft, "hear"), YES, follow=True)

        assert "Somebody else has used up today's allowance meanwhile. Nothing was made." in said(answer)
        assert not queued()

    def test_an_allowance_of_zero_turns_hearing_off(self, editor: Client, draft: Narrative) -> None:
        allow(0)
        page = text_of(editor.get(admin_address(draft)))
        assert "Drafts can be heard once they are published. A publisher can allow it before." in page
        assert "Hear my draft" not in page

        editor.post(admin_address(draft, "hear"), YES)
        assert not queued()

    def test_ready_clips_are_never_made_again(self, editor: Client, draft: Narrative) -> None:
        make_ready_clip(NEW, "nova")
        answer = editor.post(admin_address(draft, "hear"), YES, follow=True)

        assert said(answer) == "You can hear your draft: its clips in nova are ready."
        assert not queued()

    def test_a_publisher_has_own_buttons_and_no_allowance(self, draft: Narrative) -> None:
        make_groups()
        publisher = staff_client("Publisher")

        assert "Hear my draft" not in text_of(publisher.get(admin_address(draft.journey)))
        assert publisher.post(admin_address(draft, "hear"), YES).status_code == 403


class TestSettingTheAllowance:
    def test_a_publisher_finds_the_page_above_the_journeys_and_sets_the_amount(
        self, journey: Journey
    ) -> None:
        make_groups()
        publisher = staff_client("Publisher")
        assert f'href="{ALLOWANCE}"' in text_of(publisher.get(JOURNEYS))
        assert "$0.100 of today's allowance is left." in text_of(publisher.get(ALLOWANCE))

        answer = publisher.post(ALLOWANCE, {"usd_a_day": "0.5"}, follow=True)

        assert said(answer) == "Editors may spend $0.500 a day (UTC) on hearing their drafts."
        assert DraftAllowance.current().usd_a_day == 0.5
        assert LogEntry.objects.get().get_change_message() == said(answer)

    @pytest.mark.parametrize("amount", ["-1", "nan", "1000", ""])
    def test_an_amount_that_makes_no_sense_is_refused(self, amount: str, journey: Journey) -> None:
        make_groups()
        answer: Any = staff_client("Publisher").post(ALLOWANCE, {"usd_a_day": amount})

        assert answer.context["form"].errors
        assert DraftAllowance.current().usd_a_day == 0.10

    def test_an_editor_neither_sees_nor_opens_the_page(self, editor: Client, journey: Journey) -> None:
        assert ALLOWANCE not in text_of(editor.get(JOURNEYS))
        assert editor.get(ALLOWANCE).status_code == 403


def test_a_draft_that_can_be_heard_in_every_voice_costs_nothing(editor: Client, draft: Narrative) -> None:
    make_clips(NEW)

    assert "its clips in nova are ready" in text_of(editor.get(admin_address(draft.journey)))
