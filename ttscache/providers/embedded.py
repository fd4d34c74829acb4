"""Speaks without network or key: a neural voice that comes inside a Python package (hibari-tts, Apache-2.0).

The package holds one American English voice. Its network draws a spectrum and a pitch for every 12.5 ms, so
other voices are made between the network and the synthesis: another pitch, and formants moved as in a shorter
or longer throat. Its cost grows with the square of a phrase, hence the short pieces.
The engine and numpy are loaded by the processes that speak, at their first word.
"""

from __future__ import annotations

import functools
import hashlib
import re
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from ttscache import audio
from ttscache.errors import TextRefused, UnknownVoice
from ttscache.speech import EMBEDDED_MODEL, SpeechRequest

if TYPE_CHECKING:
    import numpy as np
    from hibari import Hibari
    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]

NOTHING_TO_SAY = "The embedded voice found nothing to say in English in this text."


@dataclass(frozen=True, slots=True)
class Timbre:
    """Factors on the bundled voice: of its pitch (about 200 Hz), its formants, and its pace."""

    pitch: float
    formants: float
    pace: float


# By the names of OpenAI's voices, deep to high: medians from 110 to 230 Hz. A speech recogniser understood
# each about as well as the bundled voice; with higher formants than these it did not.
TIMBRES = {
    "cedar": Timbre(0.50, 0.90, 0.97),
    "onyx": Timbre(0.53, 0.93, 0.95),
    "echo": Timbre(0.58, 0.96, 1.00),
    "ash": Timbre(0.62, 0.94, 1.02),
    "verse": Timbre(0.66, 0.91, 1.04),
    "ballad": Timbre(0.70, 0.95, 0.94),
    "fable": Timbre(0.76, 0.97, 1.04),
    "alloy": Timbre(0.86, 0.98, 1.00),
    "marin": Timbre(0.93, 1.01, 0.98),
    "nova": Timbre(1.00, 1.00, 1.00),
    "sage": Timbre(1.03, 0.97, 0.95),
    "coral": Timbre(1.08, 1.00, 1.03),
    "shimmer": Timbre(1.13, 1.03, 0.97),
}

_SAMPLE_RATE = 24_000  # hibari.SAMPLE_RATE
_LOUDNESS, _KNEE, _PEAK = 0.1, 0.6, 0.95  # root mean square of a clip; from where, and to where, peaks bend
_PIECE_CHARACTERS = 300  # of text, and of phonemes: the work grows with the square of either
_NETWORK_SPEEDS = (0.5, 1.6)  # beyond these it was not trained, and gives each sound 12.5 ms at least
_AT_ONCE = threading.BoundedSemaphore(2)  # one synthesis takes up to 200 MB


class EmbeddedProvider:
    """Speaks English in this process, for nothing, at seventy times the pace of speech.

    Raises UnknownVoice for a voice without a timbre, and TextRefused for text that holds no English. Safe to
    call from many threads; the same request gives the same bytes with the same version of onnxruntime.
    """

    name = "embedded"

    def can_speak(self, request: SpeechRequest) -> bool:
        return request.model == EMBEDDED_MODEL

    def parts(self, request: SpeechRequest) -> list[SpeechRequest]:
        return [request]

    def streams(self, request: SpeechRequest) -> bool:
        return False

    def is_well(self) -> bool:
        return True

    def rehearse(self) -> None:
        for name in ("hibari", "onnxruntime"):  # together they take most of a second
            import_module(name)

    def speak(self, request: SpeechRequest) -> Generator[bytes, None, None]:
        if request.voice not in TIMBRES:
            raise UnknownVoice
        with _AT_ONCE:
            phrases = _synthesize(request.text, TIMBRES[request.voice], request.speed)
            clip = audio.encode(_to_pcm(phrases), _SAMPLE_RATE, request.audio_format)
        yield clip


_loading = threading.Lock()


def _engine() -> Hibari:
    with _loading:  # else two first callers load it twice
        return _load_engine()


@functools.cache
def _load_engine() -> Hibari:
    from hibari import Hibari

    engine = Hibari(threads=1)  # no thread pool in onnxruntime: there is none to lose in a fork
    _ = engine.g2p.oov  # these are loaded when first asked for, which is not thread-safe
    return engine


def _synthesize(text: str, timbre: Timbre, speed: float) -> list[Matrix]:
    """The samples of one phrase after the other, each with the quiet around it. Raises TextRefused."""
    import numpy as np

    if not _is_mostly_latin(text):
        raise TextRefused(NOTHING_TO_SAY)
    engine = _engine()
    noise = np.random.default_rng(list(hashlib.sha256(text.encode()).digest()))
    phrases = [_speak_phrase(engine, phrase, timbre, speed, noise) for phrase in _phrases(engine, text)]
    if not phrases:
        raise TextRefused(NOTHING_TO_SAY)
    return phrases


def _is_mostly_latin(text: str) -> bool:
    """Whether most of what is written can be said: the engine skips Chinese, and spells out Cyrillic."""
    letters = [char for char in text if char.isalpha()]
    latin = sum(char < _FIRST_AFTER_LATIN for char in letters)
    return 2 * latin >= len(letters)


_FIRST_AFTER_LATIN = "\u0250"
_UNSPOKEN = ';:,.!?\u2014\u2026"\u201c\u201d() '

# More than 36 digits in a row raise an IndexError in the engine. Of a word beyond 40 letters it says only the
# beginning, and the time it takes to read something like `a-b-a-b` grows with the cube of its length.
_LONG_RUN = re.compile(r"(?:\d[,.]?){12}(?=\d)|\S{40}(?=\S)")


def _phrases(engine: Hibari, text: str) -> Iterator[str]:
    """The phonemes of the text, sentence by sentence; long sentences in pieces, marks alone left out."""
    plain = text.replace("](", "] (")  # else `[word](/phonemes/)` says other words than it shows
    for piece in audio.split_text(_LONG_RUN.sub(r"\g<0> ", plain), _PIECE_CHARACTERS):
        for sentence in engine.phonemize(piece):
            for phrase in audio.split_text(sentence, _PIECE_CHARACTERS):
                if phrase.strip(_UNSPOKEN):
                    yield phrase


def _speak_phrase(
    engine: Hibari, phonemes: str, timbre: Timbre, speed: float, noise: np.random.Generator
) -> Matrix:
    import numpy as np
    from hibari import dsp

    wanted_speed = timbre.pace * speed
    network_speed = min(max(wanted_speed, _NETWORK_SPEEDS[0]), _NETWORK_SPEEDS[1])
    inputs = {
        "ids": np.asarray([engine.ids(phonemes)], np.int64),
        "speed": np.asarray([network_speed], np.float32),
    }
    # Magnitudes and phases are matrices of frequency bin and frame; the pitch in Hz has one value a frame.
    harmonics, harmonic_phase, noises, transients, phase, pitch = (
        _paced(each[0], wanted_speed / network_speed) for each in engine.sess.run(None, inputs)
    )
    samples: Matrix = dsp.synth(
        _stretched(harmonics, timbre.formants),
        _stretched(harmonic_phase, timbre.formants),
        _stretched(noises, timbre.formants),
        _stretched(transients, timbre.formants),
        _rebinned(phase, timbre.formants),
        pitch * timbre.pitch,
        noise,
    )
    return samples


def _paced(frames: Matrix, factor: float) -> Matrix:
    """The same frames (along the last axis), that many times as fast: some left out, or some repeated."""
    import numpy as np

    if factor == 1:
        return frames
    count = frames.shape[-1]
    kept = (np.arange(max(1, round(count / factor))) * factor).astype(int)
    return frames[..., np.minimum(kept, count - 1)]


def _stretched(spectrum: Matrix, factor: float) -> Matrix:
    """Each frame's spectrum with its bin k at k * factor, interpolated between the bins."""
    import numpy as np

    last = len(spectrum) - 1
    source = np.minimum(np.arange(last + 1) / factor, last)
    below = source.astype(int)
    part = (source - below)[:, None].astype(np.float32)
    moved: Matrix = spectrum[below] * (1 - part) + spectrum[np.minimum(below + 1, last)] * part
    return moved


def _rebinned(phase: Matrix, factor: float) -> Matrix:
    """As `_stretched`, from the nearest bin: a phase cannot be averaged."""
    import numpy as np

    last = len(phase) - 1
    nearest = np.minimum(np.rint(np.arange(last + 1) / factor).astype(int), last)
    moved: Matrix = phase[nearest]
    return moved


def _to_pcm(phrases: list[Matrix]) -> bytes:
    """s16le, as loud as every other clip."""
    power = sum(float(phrase @ phrase) for phrase in phrases) / sum(map(len, phrases))
    gain = _LOUDNESS / max(power**0.5, 1e-6)
    return b"".join(_bent(phrase * gain) for phrase in phrases)


def _bent(samples: Matrix) -> bytes:
    """s16le of samples from -1 to 1, and beyond: the few peaks that would not fit are rounded off."""
    import numpy as np

    heights = np.abs(samples)
    room = _PEAK - _KNEE
    bent = np.minimum(heights, _KNEE) + room * np.tanh(np.maximum(heights - _KNEE, 0) / room)
    pcm: bytes = np.rint(np.copysign(bent, samples) * 32_767).astype("<i2").tobytes()
    return pcm
