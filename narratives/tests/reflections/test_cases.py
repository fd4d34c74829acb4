"""The validator and the choice from the bank, measured on cases that people wrote and labelled."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest

from narratives.content.loading import DEFAULT_CONTENT, HARD_ANSWERS
from narratives.models import BankReflection
from narratives.reflections.bank import choose_from_bank
from narratives.reflections.prompt import is_safety_signal
from narratives.text.reflection_rules import is_shareable, problems

pytestmark = pytest.mark.any_database


def rows(name: str) -> list[dict[str, str]]:
    with (Path(__file__).parent / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


REFLECTIONS = rows("reflection_cases.tsv")
FITS = rows("fit_cases.tsv")
LABELS = {(row["answer_id"], row["reflection_id"]): row["label"] for row in FITS}
ANSWERS = {row["answer_id"]: row for row in FITS}
SHIPPED = {
    each["text"]: (
        each["id"],
        BankReflection(
            text=each["text"],
            theme=each["theme"],
            occasion=each["when"],
            after_heavy=each.get("after_heavy", "never"),
            is_cheerful=each.get("is_cheerful", False),
        ),
    )
    for file in (DEFAULT_CONTENT, HARD_ANSWERS)
    for each in json.loads(file.read_text(encoding="utf-8"))["reflections"]
}
# They came after the labels, so that they are said only once those that were found to fit have been heard.
WITHOUT_LABELS = [identity for identity, _ in SHIPPED.values() if identity.startswith("h")]
BANK = [reflection for _, reflection in SHIPPED.values()]


@pytest.mark.parametrize("row", REFLECTIONS, ids=[row["id"] for row in REFLECTIONS])
def test_each_labelled_reflection_is_judged_by_the_rule_that_its_label_names(row: dict[str, str]) -> None:
    found = problems(row["reflection"])
    is_shared = is_shareable(row["reflection"], row["answer"])

    if row["caught_by"] == "validate":
        assert found
    elif row["caught_by"] == "shareable":
        assert not found
        assert not is_shared
    else:  # what is fine, and what only a person would notice
        assert not found


def test_the_good_reflections_of_the_cases_may_be_shared() -> None:
    good = [row for row in REFLECTIONS if row["label"] == "ok"]
    assert [row["id"] for row in good if not is_shareable(row["reflection"], row["answer"])] == []


def test_the_safety_signal_of_the_cases_is_noticed_and_nothing_else_is_taken_for_it() -> None:
    signals = [row["id"] for row in REFLECTIONS if is_safety_signal(row["reflection"])]
    assert signals == ["m26"]


def choices(row: dict[str, str], level: str, heard: frozenset[str] = frozenset()) -> Iterator[str]:
    """The ids of all reflections among which chance would decide."""
    groups: list[str] = []

    def note(group: object) -> BankReflection:
        found = list(group)  # type: ignore[call-overload]
        groups.extend(SHIPPED[each.text][0] for each in found)
        return found[0]  # type: ignore[no-any-return]

    choose_from_bank(
        BANK,
        theme=row["theme"],
        level=level,
        answer=row["answer"],
        is_heard=lambda each: SHIPPED[each.text][0] in heard,
        choice=note,
    )
    yield from groups


def test_no_misfit_is_ever_chosen_after_a_heavy_answer_whatever_was_heard_before() -> None:
    heavy = [row for row in ANSWERS.values() if row["level"] == "heavy"]
    ids = [identity for identity, _ in SHIPPED.values()]
    likely = [identity for identity in ids if SHIPPED_AFTER_HEAVY[identity] != "never"]
    labelled = [identity for identity in likely if identity not in WITHOUT_LABELS]
    some_heard = (some for size in range(len(labelled) + 1) for some in combinations(labelled, size))
    heard_before = [frozenset((*some, *more)) for some in some_heard for more in ((), WITHOUT_LABELS)]
    chosen = {
        (row["answer_id"], identity)
        for row in heavy
        for heard in heard_before
        for identity in choices(row, "heavy", heard)
    }
    labels = Counter(LABELS.get(pair, "not labelled") for pair in chosen)
    print(f"after {len(heavy)} heavy answers: {dict(labels)}")
    assert heavy
    assert labels["misfits"] == 0


SHIPPED_AFTER_HEAVY = {identity: reflection.after_heavy for identity, reflection in SHIPPED.values()}


@pytest.mark.parametrize(
    ("level", "taken_for", "most_misfits"), [("grief", "grief", 0), ("none", "none", 3), ("heavy", "none", 0)]
)
def test_first_choices_seldom_misfit(level: str, taken_for: str, most_misfits: int) -> None:
    """Also where the gate has not noticed that an answer is heavy."""
    labels: Counter[str] = Counter()
    misfits = []
    for row in ANSWERS.values():
        if row["level"] == level:
            for identity in choices(row, taken_for):
                label = LABELS.get((row["answer_id"], identity), "not labelled")
                labels[label] += 1
                misfits += [(row["answer_id"], identity)] if label == "misfits" else []
    print(f"{level} taken for {taken_for}: {dict(labels)}, misfits {misfits}")
    assert labels["fits"]
    assert len(misfits) <= most_misfits


def test_reflections_found_to_fit_are_said_before_those_without_labels() -> None:
    for row in ANSWERS.values():
        assert not set(WITHOUT_LABELS) & set(choices(row, "heavy"))
        if row["level"] == "none":
            after_all_others = frozenset(identity for identity, _ in SHIPPED.values()) - {*WITHOUT_LABELS}
            assert not set(WITHOUT_LABELS) & set(choices(row, "none", after_all_others))


def test_each_shipped_reflection_keeps_the_rules() -> None:
    assert {text: found for text in SHIPPED if (found := problems(text))} == {}


def test_nothing_cheerful_is_said_without_evidence_in_the_answer() -> None:
    cheerful = {identity for identity, each in SHIPPED.values() if each.is_cheerful}
    said = {
        (row["answer_id"], identity)
        for row in ANSWERS.values()
        for level in ("grief", "heavy")
        for identity in choices(row, level)
        if identity in cheerful
    }
    assert cheerful == {"r15", "r16", "r24"}
    assert said == set()
