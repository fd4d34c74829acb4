from __future__ import annotations

import dataclasses
import itertools

import pytest

from harness.gate_report import END, OTHERS, PAGE, fingerprint, gate_report, report_of_page
from harness.gate_training import OWN, checksum, read_cases, trained
from narratives.safety.features import LONGEST_SENTENCE, WINDOW_WORDS, features_of
from narratives.safety.learned import LEAST_WORDS, WORDS_WITHOUT_ALLOWANCE, loaded, saved, shipped_model

pytestmark = pytest.mark.any_database


def test_the_shipped_model_was_trained_on_the_labelled_answers_of_today() -> None:
    assert shipped_model().trained_on == checksum(read_cases())


def test_the_page_shows_the_report_on_the_data_and_rules_of_today() -> None:
    assert f"`{fingerprint()}`" in report_of_page(PAGE.read_text(encoding="utf-8"))


def test_the_training_data_have_unique_ids_and_enough_cases_of_our_own() -> None:
    cases = read_cases()
    assert len({(case.source, case.id) for case in cases}) == len(cases)
    assert sum(case.source == OWN for case in cases) >= 150
    assert all(case.text.strip() and case.kind for case in cases)


def summary_on_the_page() -> list[float]:
    """The row of all three files by others, from the table whose training had our own cases too."""
    rows = report_of_page(PAGE.read_text(encoding="utf-8")).splitlines()
    row = next(row for row in rows if row.startswith(f"| {OTHERS} |"))
    return [float(cell.split("%")[0]) for cell in row.strip("| ").split(" | ")[1:]]


def test_the_reported_figures_meet_the_aims_on_sources_left_out() -> None:
    helped, _, direct, _, false_urgent, false_help = summary_on_the_page()
    assert helped >= 75
    assert direct >= 85
    assert false_urgent <= 5
    assert false_help <= 15


def test_a_model_is_the_same_after_it_was_saved_and_loaded() -> None:
    model = shipped_model()
    again = loaded(saved(model))
    for case in read_cases()[::200]:
        assert again.scores(case.text) == model.scores(case.text)


def test_the_learned_layer_says_nothing_about_a_text_of_fewer_than_four_words() -> None:
    short = [case.text for case in read_cases() if len(features_of(case.text).phrases) < 4]
    assert len(short) >= 10
    for text in [*short, "Something funny.", "Nothing.", "My own bed.", "Killed. Murdered. Dead.", "..."]:
        assert max(shipped_model().scores(text)) == float("-inf")
        assert shipped_model().level(text) == "none"


def test_the_learned_layer_asks_more_of_a_text_the_fewer_words_it_has() -> None:
    """A model without weights scores each text alike, so what is left is the allowance."""
    shipped = shipped_model()
    flat = dataclasses.replace(shipped, weights=shipped.weights * 0, bias=shipped.bias * 0)
    scores = [flat.scores("word " * words).urgent for words in range(LEAST_WORDS, 31)]
    until_full = WORDS_WITHOUT_ALLOWANCE - LEAST_WORDS
    assert all(shorter < longer for shorter, longer in itertools.pairwise(scores[: until_full + 1]))
    assert set(scores[until_full:]) == {0.0}


def test_windows_cover_every_word_and_stay_short() -> None:
    text = "One two three. Four five! " * 30 + "word " * 200
    features = features_of(text)
    windows = list(features.windows())
    assert windows[0][0] == 0
    assert windows[-1][1] == len(features.phrases)
    assert all(later[0] <= earlier[1] for earlier, later in itertools.pairwise(windows))
    assert max(end - start for start, end in windows) < WINDOW_WORDS + LONGEST_SENTENCE


def test_the_number_of_windows_grows_with_the_text_and_no_faster() -> None:
    once = len(list(features_of("I sang. We danced all night long. " * 200).windows()))
    twice = len(list(features_of("I sang. We danced all night long. " * 400).windows()))
    assert 1.9 <= twice / once <= 2.1


def test_an_answer_of_single_words_has_far_fewer_windows_than_words() -> None:
    assert len(list(features_of("Yes. " * 4_000).windows())) <= 500


@pytest.mark.long
@pytest.mark.timeout(600)
def test_training_again_gives_the_shipped_weights() -> None:
    again, shipped = trained(read_cases()), shipped_model()
    assert abs(again.weights - shipped.weights).max() < 0.01
    assert again.thresholds == pytest.approx(shipped.thresholds, abs=0.01)


@pytest.mark.long
@pytest.mark.timeout(1_800)
def test_the_page_shows_the_report_as_it_is_measured_today() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert END in page
    assert report_of_page(page) == gate_report().strip()
