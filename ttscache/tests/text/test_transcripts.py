"""Transcripts that match the words of a text, and transcripts that do not."""
# ruff: noqa: RUF001 - typographic marks are what is tested

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttscache.text.transcripts import WordDifference, differences, has_same_words

pytestmark = pytest.mark.any_database

SAME = [
    # case, punctuation, hyphens, typographic marks
    ("Tell me about your mother.", "tell me about your mother"),
    ("Where did you live? And with whom?", "Where did you live, and with whom?"),
    ("The house (it was small) stood alone.", "The house, it was small, stood alone"),
    ("We waited… and waited.", "We waited... and waited."),
    ("He said: “Come in!”", 'He said, "Come in."'),
    ("It’s Anna’s", "It's Anna's"),
    ("the ’tis of thee", "the 'tis of thee"),
    ("a well-known singer", "a well known singer"),
    ("an e-mail", "an email"),
    ("an email", "an e-mail"),
    ("my mother-in-law", "my mother in law"),
    ("the war—and after", "the war, and after"),
    ("a co\u2011op", "a co-op"),
    ("under\u00adneath", "underneath"),
    ("one\u00a0day", "one day"),
    ("ﬁve ﬂowers", "five flowers"),
    ("café", "cafe\u0301"),
    ("ＴＯＫＹＯ", "tokyo"),
    ("Straße", "STRASSE"),
    ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
    ("İstanbul", "istanbul"),
    ("* first\n* second", "First. Second."),
    ("Widgets™ and Gadgets®", "widgets and gadgets"),
    # numbers
    ("10 children", "ten children"),
    ("ten children", "10 children"),
    ("in 1944", "in nineteen forty-four"),
    ("in 1944", "in one thousand nine hundred forty four"),
    ("in 1944", "in one thousand nine hundred and forty-four"),
    ("in 1944", "in nineteen hundred and forty-four"),
    ("in 1904", "in nineteen oh four"),
    ("in 1900", "in nineteen hundred"),
    ("in 2005", "in two thousand and five"),
    ("in 2027", "in twenty twenty-seven"),
    ("100 years", "a hundred years"),
    ("1,000 miles", "1000 miles"),
    ("1,000 miles", "one thousand miles"),
    ("10 000 miles", "10\u202f000 miles"),
    ("1,234,567", "one million two hundred and thirty-four thousand five hundred and sixty-seven"),
    ("room 305", "room three oh five"),
    ("call 5551234", "call five five five one two three four"),
    ("call 555-1234", "call five five five one two three four"),
    ("agent 007", "agent zero zero seven"),
    ("the 21st", "the twenty-first"),
    ("my 100th letter", "my hundredth letter"),
    ("the 30th, the 12th, the 9th", "the thirtieth, the twelfth, the ninth"),
    ("3.5 hours", "three point five hours"),
    ("2.5 million people", "two and a half million people"),
    ("0.5", "zero point five"),
    ("½ a loaf", "half a loaf"),
    ("3½ years", "three and a half years"),
    ("2/3 of it", "two thirds of it"),
    ("open 24/7", "open twenty-four seven"),
    ("the 1990s", "the nineteen nineties"),
    ("the ’60s", "the sixties"),
    ("the 1990's", "the 1990s"),
    ("10%", "ten percent"),
    ("10%", "ten per cent"),
    ("$20", "twenty dollars"),
    ("$1", "a dollar"),
    ("$3.50", "three dollars and fifty cents"),
    ("$3.50", "three fifty"),
    ("£5 million", "five million pounds"),
    ("20 €", "twenty euros"),
    ("at 7:30", "at seven thirty"),
    ("at 7:30", "at half past seven"),
    ("at 7:05", "at seven oh five"),
    ("at 8:45", "at a quarter to nine"),
    ("at 9:00", "at nine o'clock"),
    ("at 7 p.m.", "at seven PM"),
    ("at 7:30am", "at seven thirty a.m."),
    ("-5 degrees", "minus five degrees"),
    ("20°C", "twenty degrees Celsius"),
    ("5 km", "five kilometres"),
    ("1939–1945", "1939 to 1945"),
    ("on 6 January 2027", "on the sixth of January, twenty twenty-seven"),
    ("on January 6, 2027", "on January sixth, 2027"),
    ("on Jan. 6", "on January 6th"),
    ("World War II", "World War Two"),
    ("Elizabeth II", "Elizabeth the Second"),
    ("No. 5", "number five"),
    ("#5", "number five"),
    ("١٠", "10"),
    # abbreviations and signs
    ("Dr. Smith", "Doctor Smith"),
    ("Mr and Mrs Brown", "Mister and Missus Brown"),
    ("St. James", "Saint James"),
    ("12 High St.", "twelve High Street"),
    ("salt & pepper", "salt and pepper"),
    ("the U.S.A.", "the USA"),
    ("fruit, e.g. apples", "fruit, for example apples"),
    ("OK", "okay"),
    ("he/she", "he or she"),
    ("write to me@example.com", "write to me at example dot com"),
    # other scripts
    ("我爱你。", "我 爱 你"),
    ("ฉันรักคุณ", "ฉัน รัก คุณ"),
    ("Ж и ш", "ж и Ш"),
    ("Ich war 10 Jahre alt.", "Ich war 10 Jahre alt"),
    ("हिन्दी भाषा", "हिन्दी, भाषा"),
    ("السَّلَام عليكم", "السلام عليكم"),
]

OTHER = [
    ("I'm here", "I am here"),
    ("I am here", "I'm here"),
    ("we'll go", "well go"),
    ("do not", "don't"),
    ("gonna", "going to"),
    ("his sister", "her sister"),
    ("the house", "the houses"),
    ("the house", "house"),
    ("the house", "the old house"),
    ("the house", "the the house"),
    ("that that is", "that is"),
    ("a dog and a cat", "a cat and a dog"),
    ("a dog", "the dog"),
    ("grandmother", "grand mother"),
    ("my father", ""),
    ("", "Sure, here it is"),
    ("Who are you?", "I am your assistant."),
    ("Tell me more.", "Sure! Tell me more."),
    ("in 1944", "in 1945"),
    ("in 1944", "in nineteen forty-five"),
    ("in 1944", "in nineteen four"),
    ("in 1940", "in nineteen fourteen"),
    ("10", "100"),
    ("1,000", "one hundred"),
    ("the 21st", "the twenty-one"),
    ("the 1990s", "1990"),
    ("3.5", "thirty-five"),
    ("3.5", "three five"),
    ("$20", "twenty"),
    ("$20", "twenty pounds"),
    ("10%", "ten"),
    ("7:30", "seven thirteen"),
    ("-5", "five"),
    ("World War II", "World War One"),
    ("Dr. Smith", "Mister Smith"),
    ("salt & pepper", "salt or pepper"),
    ("on January 6", "on January the seventh"),
    ("café", "cave"),
    ("schön", "schon"),
    ("Er war 10.", "Er war zehn."),
    ("我爱你", "我愛你"),
    ("我爱你", "你爱我"),
    ("the boys", "the boy's"),
]


@pytest.mark.parametrize(("text", "transcript"), SAME)
def test_transcripts_that_differ_only_in_spelling_conventions_match(text: str, transcript: str) -> None:
    assert differences(text, transcript) == ()
    assert has_same_words(transcript, text)


@pytest.mark.parametrize(("text", "transcript"), OTHER)
def test_transcripts_with_other_words_do_not_match(text: str, transcript: str) -> None:
    assert differences(text, transcript)
    assert not has_same_words(transcript, text)


def test_a_difference_names_the_words_of_both_sides() -> None:
    text = "In 1944 I'm ten, and my sister is 12."
    said = "In nineteen forty-four I am ten, and my brother is twelve."
    assert differences(text, said) == (WordDifference("i'm", "i am"), WordDifference("sister", "brother"))


def test_a_difference_keeps_its_words_out_of_tracebacks_and_logs() -> None:
    (difference,) = differences("my secret", "my story")
    assert "secret" not in repr(difference) and "story" not in repr(difference)


def test_the_longest_text_and_what_was_heard_have_the_same_words() -> None:
    passage = (
        "In the spring of 1944 my mother's sister, Eliza, moved to the little house; we’ll never forget. "
    )
    filler = "There was a garden behind it, and an apple tree that my father had planted when he was a boy. "
    text = ((passage + filler * 4) * 12)[:4_096]
    said = text.replace("1944", "nineteen forty-four").replace("’", "'")
    assert has_same_words(text, said)


@pytest.mark.parametrize(
    "bad", ["1944 ", "/", "a/", "1/", "0", "-", "a-", "a.", "1-", "1,000 ", ".", "1.1", "我", "12:30 ", "½"]
)
@pytest.mark.timeout(60)
def test_a_text_of_one_repeated_mark_is_compared(bad: str) -> None:
    text = (bad * 4_096)[:4_096]
    assert differences(f"{text} x", f"{text} y")
    assert has_same_words(text, text)
    has_same_words(text, text[:-1])


# Properties

letters = st.text(
    st.characters(categories=["Ll", "Lu"], max_codepoint=0x24F, exclude_characters="ıİŉ"), min_size=1
)
words = st.text("abcdefghijklmnopqrstuvwxyz", min_size=3, max_size=9).map(lambda word: f"q{word}q")
sentences = st.lists(words, min_size=1, max_size=20)
marks = st.sampled_from(
    [" ", ", ", ". ", "! ", "? ", "; ", "… ", " — ", "\n", " “", "” ", " (", ") ", "\u00a0"]
)


@given(st.text(max_size=200))
def test_every_text_has_the_words_of_itself(text: str) -> None:
    assert differences(text, text) == ()
    assert differences(text, f" {text}\n") == ()


@pytest.mark.parametrize(
    "text", ["{}", "1/{}", "{}/2", "3 1/{}", "${}", "${}.50", "{}.{}", "{}th", "{}s", "{}%"]
)
def test_a_number_may_have_thousands_of_digits(text: str) -> None:
    text = text.replace("{}", "9" * 5_000)
    assert has_same_words(text, text) and differences(text, "nine")


@given(st.text("ab1' .-,:/$%½&05th\n我", max_size=12), st.text("ab1' .-,:/$%½&05th\n我", max_size=12))
def test_comparing_transcripts_is_symmetric(text: str, other: str) -> None:
    assert has_same_words(text, other) == has_same_words(other, text)
    assert has_same_words(text, other) == (differences(text, other) == ())


@given(st.lists(letters, min_size=1))
def test_transcripts_match_in_any_case_and_composition(given_words: list[str]) -> None:
    text = " ".join(given_words)
    for other in (text.upper(), text.lower(), text.title(), text.swapcase()):
        assert has_same_words(text, other)
    assert has_same_words(text, unicodedata.normalize("NFD", text))


@given(sentences, st.data())
def test_transcripts_match_with_any_punctuation(sentence: list[str], data: st.DataObject) -> None:
    marked = "".join(word + data.draw(marks) for word in sentence)
    assert has_same_words(" ".join(sentence), marked)


@given(sentences, st.data())
def test_a_word_that_is_missing_doubled_or_replaced_always_matters(
    sentence: list[str], data: st.DataObject
) -> None:
    text = " ".join(sentence)
    place = data.draw(st.integers(0, len(sentence) - 1))
    before, word, after = sentence[:place], sentence[place], sentence[place + 1 :]
    for changed in ([], [word, word], [data.draw(words.filter(lambda other: other != word))]):
        assert not has_same_words(text, " ".join([*before, *changed, *after]))


@given(st.integers(0, 10**15 - 1))
def test_every_number_is_read_with_and_without_commas(number: int) -> None:
    assert has_same_words(f"{number:,} days", f"{number} days")
    assert not has_same_words(f"{number} days", f"{number + 1} days")
