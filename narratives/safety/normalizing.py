"""Typed, dictated or misspelt text becomes plain lower-case words, so that each saying has one form.

Everything here takes time in proportion to the text: no pattern has a repetition inside a repetition.
"""

# ruff: noqa: RUF001 - typographic marks are what this is about

from __future__ import annotations

import re
import unicodedata

NEGATORS = ("not", "never", "nor", "no", "without")
# A gap in a rule never crosses one of these: they turn what follows into its opposite or into the past.
TURNS = (*NEGATORS, "was", "were", "kept", "stopped", "used", "had")

_TYPOGRAPHY = str.maketrans(
    dict.fromkeys("‘’‚‛ʼ`´′", "'")
    | dict.fromkeys("“”„«»″", '"')
    | dict.fromkeys("\u00ad\ufeff\u200b\u200c\u200d\u200e\u200f\u2060", "")
)
# Compatibility characters may expand to 18 letters each; the rest of such a text is no answer.
_MOST_GROWTH = 3

_IS = frozenset(
    ["one", "he", "she", "it", "that", "there", "what", "where", "who", "nobody", "somebody", "someone"]
)
_ENDINGS = {"ll": " will", "ve": " have", "re": " are", "m": " am", "d": " would"}
_FILLERS = """
um uh er erm ah oh just really very quite actually honestly truly simply always often sometimes
still even only bloody also comma
"""
_SPELLINGS = """
im=i am, ive=i have, id=i would, cant=can not, cannot=can not, wont=will not, aint=am not,
theyre=they are, theyve=they have, youre=you are, weve=we have, wanna=want to, gonna=going to,
gunna=going to, gotta=got to, cos=because, meself=myself, nite=night, tonite=tonight, evry=every,
wen=when, liv=live, kil=kill, tok=took, tuk=took, meny=many, flor=floor, pleas=please, pils=pills,
tabs=tablets, meds=medication, pane=pain, hart=heart, mam=mum, mammy=mum, mom=mum, mommy=mum,
mummy=mum, daddy=dad, neighbor=neighbour, grey=gray, breath=breathe, wat=what, killmyself=kill
myself, sucide=suicide, suiside=suicide, suacide=suicide, suside=suicide, beleive=believe
"""
# Slips of the finger are mended in words that decide something, and in no others.
_DECISIVE = """
die kill killing myself want suicide suicidal tablets pills breathe chest overdose stroke bleeding
hitting fallen hurting hurts starving locked scared frightened afraid morphine insulin going living
alive anymore cutting hanging safe help choking swallowed thoughts nobody carer husband daughter
died funeral threatens life wake heart dying passed cant dont wont didnt
"""
_WORDS_THAT_EXIST = frozenset(
    ["stoke", "sacred", "lief", "heat", "ding", "huts", "gong", "staved", "ailed", "daunted"]
)

# What dictation hears, and what was said. Applied in this order, to words with single spaces.
_MISHEARD = (
    ("full stop|question mark|exclamation mark|new line|new paragraph", "."),
    ("my self|me self", "myself"),
    ("su[ei]y? ?side|suicied|sue a side", "suicide"),
    ("i wont to", "i want to"),
    ("to(?= many| much)", "too"),
    ("any more", "anymore"),
    ("some one", "someone"),
    ("no body|no one|not (?:a|one) soul|none of them", "nobody"),
    ("over dose", "overdose"),
    ("past away", "passed away"),
    ("hole(?= packet| bottle| box| lot| strip| pack)", "whole"),
    ("(?<=my )sun|(?<=his )sun|(?<=her )sun", "son"),
    ("eye(?= am| want| have| will| do| can| feel| took| need| would| wish| hope)", "i"),
    ("good bye", "goodbye"),
    ("to dye(?! (?:my|the|her|his|their|it|hair|wool|cloth|some))", "to die"),
    ("(?<= he )dyed|(?<=she )dyed", "died"),
    ("would of", "would have"),
    ("ill(?= kill| do| end| take| go| see| finish| hurt| hit| be)", "i will"),
    ("me(?= chest| heart| arm| head| leg| son| grandson| daughter| room| breathe)", "my"),
)
_HEARD_AS = [(re.compile(f" (?:{heard})(?= )"), f" {said}") for heard, said in _MISHEARD]

_CONTRACTION = re.compile(r"(?<![a-z])([a-z]{1,20})'([a-z]{1,4})(?![a-z])")
_RIGHT_NOW = re.compile(r"\b(?:just|right|only) now\b|\bjust (?=(?:had|fallen|taken|took) )")
_LONG_RUN = re.compile(r"([a-z])\1{2,}")
_CLAUSE_END = re.compile(r"[.!?;:]+|\n\s{0,9}\n")
_WORD_OR_END = re.compile(r"[^\W_]+|\.")
_SAID_AGAIN = re.compile(r"( [^ ]{1,30})\1{1,9}(?= )")
_TURN = re.compile(rf"(?<![^\W_])({'|'.join(TURNS)})(?![^\W_])")


def plain(text: str) -> str:
    """Lower case, composed, with straight quotation marks; the words are untouched."""
    composed = unicodedata.normalize("NFKC", text)[: _MOST_GROWTH * len(text)]
    return composed.lower().translate(_TYPOGRAPHY)


def without_apostrophes(text: str) -> str:
    """Plain text in which "don't" and "dont" are one word, for the learned layer."""
    return text.replace("'", "")


def folded(text: str) -> str:
    """Plain text as words between single spaces; "." ends a clause, "~" marks a turn such as "not"."""
    text = re.sub(r"\.{2,}", " ", text)
    text = _CONTRACTION.sub(_spelled_out, text)
    text = _RIGHT_NOW.sub(" this minute ", text)
    text = _LONG_RUN.sub(r"\1\1", text)
    text = _CLAUSE_END.sub(" . ", text)
    words = (_WRITTEN_AS.get(word, word) for word in _WORD_OR_END.findall(text))
    text = f" . {' '.join(word for word in words if word)} . "
    text = _SAID_AGAIN.sub(r"\1", text)
    for heard, said in _HEARD_AS:
        text = heard.sub(said, text)
    return mark_turns(text.replace(" but ", " . but "))


def mark_turns(text: str) -> str:
    """Put "~" before each turn, here and in the rules, so that both are spelled alike."""
    return _TURN.sub(r"~\1", text)


def _spelled_out(contraction: re.Match[str]) -> str:
    word, ending = contraction.groups()
    if ending == "s" and word in _IS:
        return f"{word} is"
    return word + _ENDINGS.get(ending, ending)


def _slips(word: str) -> set[str]:
    """Misspellings: two letters swapped, one doubled, one left out of a longer word; not the first."""
    inner = range(1, len(word) - 1)
    swapped = {word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in inner}
    dropped = {word[:i] + word[i + 1 :] for i in inner if len(word) > 4}
    doubled = {word[:i] + word[i] + word[i:] for i in range(len(word))}
    return swapped | dropped | doubled


def _written_as() -> dict[str, str]:
    """Each spelling that is not the usual one, with the words it stands for; fillers stand for nothing."""
    spellings = {f"{word}s": f"{word} is" for word in ("he", "she", "it", "that", "there", "what")}
    verbs = "do did does is are was were have has had could would should need must"
    spellings |= {f"{verb}nt": f"{verb} not" for verb in verbs.split()}
    for pair in _SPELLINGS.split(","):
        written, _, meant = pair.strip().partition("=")
        spellings[written] = meant
    spellings |= dict.fromkeys(_FILLERS.split(), "")
    decisive = _DECISIVE.split()
    slips = {
        slip: spellings.get(word, word)
        for word in decisive
        for slip in _slips(word)
        if slip not in _WORDS_THAT_EXIST and slip not in decisive
    }
    return slips | spellings


_WRITTEN_AS = _written_as()
