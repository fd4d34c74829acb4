"""The way from an answer to a reflection: the gate, the model, the choice from the offer, the bank."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from harness.prepared_rows import put_rows_of
from narratives.content.loading import load_shipped_content
from narratives.models import BankReflection, OfferedReflection
from narratives.reflections import reflecting
from narratives.reflections.question import Question
from narratives.reflections.reflecting import Reflection, note_heard, reflect
from ttscache.delivery.waiting_room import waiting_room
from ttscache.errors import ModelRetired, ProviderFailed, ProviderUnavailable, SpeechError, TextRefused

pytestmark = pytest.mark.django_db

ANSWER = "We lived above the bakery and I woke to the smell of bread."
OWN = "It sounds as though those nights had a wide quiet in them. Thank you for telling it."
OTHER = "It seems that a long road was good company. It has its own place in the story."
THEMES = (
    *("early_places", "early_people", "growing_up", "turning_points", "work"),
    *("love", "hardship", "pride", "wisdom", "meaning"),
)
HEAVY = "I was raped as a girl and I told nobody."
HARD = "It sounds as though you kept going alone for a long time. Thank you for trusting this place with it."


class ScriptedModel:
    """Says or raises one thing after the other, and remembers what it was told."""

    def __init__(self, *says: str | SpeechError | Callable[[list[str]], str]) -> None:
        self.says = list(says)
        self.offers: list[list[str]] = []

    def complete(self, messages: Sequence[dict[str, str]], until: float) -> str:
        offered = re.findall(r"^\[\d+\] (.*)$", messages[0]["content"], re.MULTILINE)
        self.offers.append(offered)
        said = self.says.pop(0)
        if isinstance(said, SpeechError):
            raise said
        return said if isinstance(said, str) else said(offered)


def choosing(text: str) -> Callable[[list[str]], str]:
    return lambda offered: f"[{offered.index(text) + 1}]"


@pytest.fixture(autouse=True)
def _bank(db: None) -> None:
    put_rows_of(load_shipped_content)


@pytest.fixture
def question() -> Question:
    return Question(text="What has filled your days?", theme="work", language="en", voice="nova")


def heard(question: Question, *texts: str) -> Question:
    return replace(question, heard=frozenset(question.speech(text).content_hash for text in texts))


def ask(question: Question, model: Any, answer: str = ANSWER, chance: float = 0.5) -> Reflection:
    return reflect(question, answer, model, chance=lambda: chance)


class TestWords:
    def test_a_valid_reflection_of_the_model_is_said(self, question: Question) -> None:
        assert ask(question, ScriptedModel(OWN)) == Reflection(OWN, "model", "none")

    @pytest.mark.parametrize(
        "bad",
        ["Only one sentence.", "Was it good? Thank you.", "[77]", "", "You should rest now. Thank you."],
    )
    def test_after_one_invalid_reflection_the_model_is_asked_once_more(
        self, question: Question, bad: str
    ) -> None:
        assert ask(question, ScriptedModel(bad, OWN)).text == OWN

    def test_after_two_the_bank_is_asked(self, question: Question) -> None:
        model = ScriptedModel("One.", "One.", OWN)
        assert ask(question, model).source == "bank"
        assert model.says == [OWN]

    @pytest.mark.parametrize("error", [ProviderFailed(), ProviderUnavailable()])
    def test_trouble_that_may_pass_is_tried_once_more(self, question: Question, error: SpeechError) -> None:
        assert ask(question, ScriptedModel(error, OWN)).text == OWN

    @pytest.mark.parametrize("error", [ModelRetired(), ProviderUnavailable(retry_after_seconds=30)])
    def test_trouble_that_stays_leads_to_the_bank_at_once(
        self, question: Question, error: SpeechError
    ) -> None:
        assert ask(question, ScriptedModel(error, OWN)).source == "bank"

    def test_the_bank_answers_while_too_many_wait(
        self, question: Question, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(waiting_room(), "_places", 0)
        assert ask(question, ScriptedModel(OWN)).source == "bank"

    def test_both_attempts_end_within_five_seconds(
        self, question: Question, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ends: list[float] = []

        class Slow:
            def complete(self, messages: object, until: float) -> str:
                ends.append(until - time.monotonic())
                return "One."

        ask(question, Slow())
        assert reflecting.ALL_ATTEMPTS_SECONDS == 5
        assert 4 < ends[1] <= ends[0] <= 5

    def test_a_reflection_that_quotes_the_answer_is_personal(self, question: Question) -> None:
        quoting = "It sounds as though you lived above the bakery and woke to it. Thank you for telling it."
        assert ask(question, ScriptedModel(quoting)).is_personal

    def test_a_reflection_that_no_voice_could_say_is_not_used(self, question: Question) -> None:
        assert ask(question, ScriptedModel(OWN.replace("wide", "\ud800"), OTHER)).text == OTHER


class TestSafety:
    def test_an_urgent_answer_never_reaches_the_model(self, question: Question) -> None:
        model = ScriptedModel(OWN)
        assert ask(question, model, "I want to end it all.") == Reflection("", "safety", "urgent")
        assert model.says == [OWN]

    @pytest.mark.parametrize("said", ["SAFETY", "I want to end it all. Thank you for saying so."])
    def test_a_signal_of_danger_from_the_model_makes_the_answer_urgent(
        self, question: Question, said: str
    ) -> None:
        assert ask(question, ScriptedModel(said)) == Reflection("", "safety", "urgent")

    def test_an_answer_that_a_filter_of_the_model_stops_is_heavy(self, question: Question) -> None:
        found = ask(question, ScriptedModel(TextRefused()))
        always = BankReflection.objects.filter(after_heavy="always").values_list("text", flat=True)
        assert (found.level, found.source) == ("heavy", "bank")
        assert found.text in always

    def test_the_gate_on_the_words_of_the_model_raises_the_level(self, question: Question) -> None:
        said = "I was abused for years as a child. Thank you for saying it here."
        assert ask(question, ScriptedModel(said)).level == "heavy"


class TestTheOffer:
    def test_the_most_heard_of_the_theme_come_first_and_the_bank_fills_up(self, question: Question) -> None:
        for text, theme, times in ((OWN, "work", 2), (OTHER, "work", 3), (HARD, "love", 9)):
            OfferedReflection.objects.create(theme=theme, text=text, times_heard=times)
        model = ScriptedModel(OWN)

        ask(question, model)

        (offered,) = model.offers
        bank = BankReflection.objects.filter(theme__in=["work", "general"])
        fillers = bank.exclude(occasion__in=["short", "skipped"]).values_list("text", flat=True)
        assert set(offered) == {OWN, OTHER, *fillers}

    def test_at_most_twenty_are_offered(self, question: Question) -> None:
        for number in range(30):
            text = f"It sounds as though it was {'so ' * number}good. Thank you."
            OfferedReflection.objects.create(theme="work", text=text, times_heard=number)
        model = ScriptedModel(OWN)
        ask(question, model)
        assert len(model.offers[0]) == 20

    def test_a_chosen_one_is_reused(self, question: Question) -> None:
        OfferedReflection.objects.create(theme="work", text=OTHER)
        chosen = ask(question, ScriptedModel(choosing(OTHER)))
        assert chosen == Reflection(OTHER, "model", "none", is_reused=True)

    def test_every_twentieth_call_is_offered_no_reflection(self, question: Question) -> None:
        OfferedReflection.objects.create(theme="work", text=OTHER)
        model = ScriptedModel(OWN, OWN)
        ask(question, model, chance=0.049)
        ask(question, model, chance=0.05)
        assert [bool(offered) for offered in model.offers] == [False, True]

    def test_a_reflection_that_the_journey_has_heard_is_neither_offered_nor_said_again(
        self, question: Question
    ) -> None:
        OfferedReflection.objects.create(theme="work", text=OTHER)
        model = ScriptedModel(OTHER, OWN)
        assert ask(heard(question, OTHER), model).text == OWN
        assert OTHER not in model.offers[0]

    def test_a_reflection_heard_in_another_voice_counts_as_heard(self, question: Question) -> None:
        OfferedReflection.objects.create(theme="work", text=OTHER)
        model = ScriptedModel(OWN)
        in_the_other = replace(question, voice="onyx").speech(OTHER).content_hash
        ask(replace(question, heard=frozenset([in_the_other])), model)
        assert OTHER not in model.offers[0]

    def test_after_a_heavy_answer_only_marked_ones_are_offered(self, question: Question) -> None:
        OfferedReflection.objects.create(theme="work", text=OTHER)
        OfferedReflection.objects.create(theme="work", text=HARD, fits_heavy=True)
        model = ScriptedModel(OWN)

        assert ask(question, model, HEAVY).level == "heavy"

        always = BankReflection.objects.filter(after_heavy="always").values_list("text", flat=True)
        assert set(model.offers[0]) == {HARD, *always}

    @pytest.mark.parametrize("sad", ["My wife died and I miss her so.", HEAVY])
    def test_nothing_cheerful_that_others_have_heard_is_offered_after_a_sad_answer(
        self, question: Question, sad: str
    ) -> None:
        cheerful = BankReflection.objects.filter(is_cheerful=True).values_list("text", flat=True)
        for text in (OTHER, *cheerful):
            OfferedReflection.objects.create(theme="work", text=text, times_heard=5, fits_heavy=True)
        model = ScriptedModel(OWN, OWN)

        ask(question, model, "We danced every Saturday and it was lovely.")
        ask(question, model, sad)

        after_glad, after_sad = map(set, model.offers)
        assert {OTHER, *cheerful} <= after_glad
        assert OTHER in after_sad
        assert not after_sad & set(cheerful)

    def test_a_reply_to_an_answer_of_few_words_is_not_offered(self, question: Question) -> None:
        said = ask(question, None, "Yes.")
        note_heard(question, said)
        model = ScriptedModel(OWN)
        ask(question, model)
        assert OfferedReflection.objects.filter(text=said.text).exists()
        assert said.text not in model.offers[0]

    def test_a_reflection_that_left_the_bank_is_not_offered_however_often_it_was_heard(
        self, question: Question
    ) -> None:
        of_bank = BankReflection.objects.filter(theme="work", occasion="any").first()
        assert of_bank is not None
        OfferedReflection.objects.create(theme="work", text=of_bank.text, times_heard=99, fits_heavy=True)
        BankReflection.objects.filter(pk=of_bank.pk).update(is_active=False)
        model = ScriptedModel(OWN, OWN)
        ask(question, model)
        ask(question, model, HEAVY)
        assert of_bank.text not in {*model.offers[0], *model.offers[1]}

    @pytest.mark.parametrize(("mark", "is_offered"), [("always", True), ("theme", False), ("never", False)])
    def test_a_mark_taken_off_in_the_bank_is_off_for_the_same_words_in_the_offer(
        self, question: Question, mark: str, is_offered: bool
    ) -> None:
        of_bank = BankReflection.objects.filter(theme="hardship", after_heavy="always").first()
        assert of_bank is not None
        OfferedReflection.objects.create(theme="work", text=of_bank.text, times_heard=9, fits_heavy=True)
        BankReflection.objects.filter(pk=of_bank.pk).update(after_heavy=mark)
        model = ScriptedModel(OWN)
        ask(question, model, HEAVY)
        assert (of_bank.text in model.offers[0]) == is_offered

    def test_the_model_is_offered_the_reflections_in_another_order_each_time(
        self, question: Question
    ) -> None:
        for number in range(20):
            text = f"It sounds as though it was {'so ' * number}good. Thank you."
            OfferedReflection.objects.create(theme="work", text=text, times_heard=number)
        model = ScriptedModel(OWN, OWN, OWN)
        for _ in range(3):
            ask(question, model)
        first, second, third = model.offers
        assert sorted(first) == sorted(second) == sorted(third)
        assert len(first) == 20
        assert first != second or second != third  # equal by chance once in 20! ** 2 times

    def test_a_reflection_that_staff_have_taken_out_is_not_offered_even_if_the_bank_has_it(
        self, question: Question
    ) -> None:
        of_bank = BankReflection.objects.filter(theme="work").first()
        assert of_bank is not None
        OfferedReflection.objects.create(theme="work", text=of_bank.text, is_offered=False)
        OfferedReflection.objects.create(theme="work", text=OTHER, is_offered=False)
        model = ScriptedModel(OWN)
        ask(question, model)
        assert not {of_bank.text, OTHER} & set(model.offers[0])

    def test_a_journey_in_another_language_is_offered_its_own_only(self, question: Question) -> None:
        OfferedReflection.objects.create(theme="work", text=OTHER, language="de")
        OfferedReflection.objects.create(theme="work", text=OWN, language="en")
        model = ScriptedModel(OWN)
        ask(replace(question, language="de"), model)
        assert model.offers == [[OTHER]]


class TestTheBank:
    def test_a_journey_hears_none_twice_and_then_the_words_of_the_journey(self, question: Question) -> None:
        said: list[str] = []
        for _ in range(5):
            said.append(ask(heard(question, *filter(None, said)), None).text)
        assert len(set(said[:3])) == 3
        assert said[3:] == ["", ""]  # the clip sorry_no_reflection thanks for the answer

    @pytest.mark.parametrize("grave", [HEAVY, "My wife died and I miss her so."])
    def test_ten_grave_answers_in_one_journey_get_ten_different_reflections_that_fit(
        self, question: Question, grave: str
    ) -> None:
        said: list[str] = []
        for theme in THEMES:
            said.append(ask(heard(replace(question, theme=theme), *said), None, grave).text)
        assert len(set(said)) == 10
        used = BankReflection.objects.filter(text__in=said)
        assert used.count() == 10
        if grave == HEAVY:
            assert not used.filter(after_heavy="never").exists()

    def test_ten_grave_answers_to_one_question_get_ten_different_reflections(
        self, question: Question
    ) -> None:
        said: list[str] = []
        for _ in range(10):
            said.append(ask(heard(question, *said), None, HEAVY).text)
        assert "" not in said
        assert len(set(said)) == 10

    @pytest.mark.parametrize(
        "answer", [ANSWER, "Yes.", "I would rather not.", "We danced and it was fun.", HEAVY]
    )
    def test_once_all_that_fit_were_heard_nothing_is_said_again(
        self, question: Question, answer: str
    ) -> None:
        everything = BankReflection.objects.values_list("text", flat=True)
        assert ask(heard(question, *everything), None, answer).text == ""

    def test_a_journey_in_another_language_gets_no_english_words(self, question: Question) -> None:
        assert ask(replace(question, language="de"), None).text == ""

    def test_a_bank_without_reflections_leaves_the_words_to_the_journey(self, question: Question) -> None:
        BankReflection.objects.all().delete()
        assert ask(question, None) == Reflection("", "bank", "none")


class TestCounting:
    def test_each_time_is_counted_and_choices_by_themselves(self, question: Question) -> None:
        note_heard(question, Reflection(OWN, "model", "none"))
        note_heard(question, Reflection(OWN, "model", "none", is_reused=True))
        offered = OfferedReflection.objects.get()
        assert (offered.times_heard, offered.times_chosen) == (2, 1)

    def test_a_personal_reflection_leaves_nothing_behind(self, question: Question) -> None:
        note_heard(question, Reflection(OWN, "model", "none", is_personal=True))
        assert not OfferedReflection.objects.exists()

    def test_an_offer_that_nobody_hears_any_more_is_forgotten_unless_staff_have_decided(self) -> None:
        from datetime import timedelta

        from django.utils import timezone

        long_ago = timezone.now() - timedelta(days=91)
        for text, fields in (("a", {}), ("b", {"is_offered": False}), ("c", {"fits_heavy": True})):
            OfferedReflection.objects.create(theme="work", text=text, last_heard_at=long_ago, **fields)
        OfferedReflection.objects.create(theme="work", text="d")
        assert OfferedReflection.objects.forget_rare(90) == 1
        assert not OfferedReflection.objects.filter(text="a").exists()
