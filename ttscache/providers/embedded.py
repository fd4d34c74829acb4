"""Speaks without network or key, with the neural voice of a Python package (hibari-tts, Apache-2.0).

The package has one American English voice. Its network returns a spectrum and a pitch for every 12.5 ms. The
other voices change these before the synthesis: another pitch, and formants moved as by a shorter or longer
throat. The work grows with the square of a phrase, so phrases are cut short. A process loads the engine and
numpy when it first speaks.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from ttscache import audio
from ttscache.errors import TextRefused, UnknownVoice
from ttscache.speech import EMBEDDED_MODEL, SpeechRequest
from ttscache.text.plain_text import clean_text

if TYPE_CHECKING:
    import numpy as np
    from hibari import Hibari
    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]

# onnxruntime would write an id of this machine below HOME and look up its maker's host. It reads this
# variable when it is loaded, which happens later, at the first use.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

NOTHING_TO_SAY = "The embedded voice found nothing to say in English in this text."


@dataclass(frozen=True, slots=True)
class Timbre:
    """Factors on the bundled voice: on its pitch (about 200 Hz), its formants and its pace."""

    pitch: float
    formants: float
    pace: float


# By the names of OpenAI's voices, from deep to high: median pitch 110 to 230 Hz. A speech recogniser
# understood each about as well as the bundled voice; it failed with higher formants than these.
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
_LOUDNESS, _KNEE, _PEAK = 0.1, 0.6, 0.95  # root mean square of a clip; peaks are bent between the other two
_PIECE_CHARACTERS = 300  # of text, and of phonemes: the work grows with the square of either
_NETWORK_SPEEDS = (0.5, 1.6)  # the network was trained for these; faster, a sound keeps at least 12.5 ms
_AT_ONCE = threading.BoundedSemaphore(2)  # one synthesis takes up to 200 MB


class EmbeddedProvider:
    """Speaks English in this process, free, at seventy times the pace of speech.

    Raises UnknownVoice for a voice without a timbre, and TextRefused for text without English. Safe to call
    from many threads. Equal requests give equal bytes with the same version of onnxruntime.
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

    def preload(self) -> None:
        for name in ("hibari", "onnxruntime"):  # together they take most of a second
            import_module(name)

    def speak(self, request: SpeechRequest) -> Generator[bytes, None, None]:
        if request.voice not in TIMBRES:
            raise UnknownVoice
        with _AT_ONCE:
            phrases = _synthesize(clean_text(request.text), TIMBRES[request.voice], request.speed)
            clip = audio.encode(_to_pcm(phrases), _SAMPLE_RATE, request.audio_format)
        yield clip


_loading = threading.Lock()


def _engine() -> Hibari:
    with _loading:  # otherwise two first callers load it twice
        return _load_engine()


@functools.cache
def _load_engine() -> Hibari:
    from hibari import Hibari

    engine = Hibari(threads=1)  # without a thread pool in onnxruntime, which would not survive a fork
    _ = engine.g2p.oov  # load it here: the engine loads it at its first use, which is not thread-safe
    return engine


def _synthesize(text: str, timbre: Timbre, speed: float) -> list[Matrix]:
    """Return the samples of each phrase, with the silence around it. Raises TextRefused."""
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
    """Whether at least half of the letters are Latin: the engine skips Chinese, and spells out Cyrillic."""
    letters = [char for char in text if char.isalpha()]
    latin = sum(char < _FIRST_AFTER_LATIN for char in letters)
    return 2 * latin >= len(letters)


_FIRST_AFTER_LATIN = "\u0250"
_UNSPOKEN = ';:,.!?\u2014\u2026"\u201c\u201d() '

# The engine raises IndexError for more than 36 digits in a row, speaks only the beginning of a word of more
# than 40 letters, and its time for something like `a-b-a-b` grows with the cube of the length.
_LONG_RUN = re.compile(r"(?:\d[,.]?){12}(?=\d)|\S{40}(?=\S)")


def _phrases(engine: Hibari, text: str) -> Iterator[str]:
    """Yield the phonemes of each sentence; long sentences in pieces, without lone marks."""
    # A text could otherwise make the engine speak other words than it shows: `[word](/phonemes/)`.
    plain = text.replace("](", "] (")
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
    # Magnitudes and phases are matrices (frequency bin, frame). The pitch in Hz has one value per frame.
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
    """Play the frames (last axis) `factor` times as fast, by leaving some out or repeating some."""
    import numpy as np

    if factor == 1:
        return frames
    count = frames.shape[-1]
    kept = (np.arange(max(1, round(count / factor))) * factor).astype(int)
    return frames[..., np.minimum(kept, count - 1)]


def _stretched(spectrum: Matrix, factor: float) -> Matrix:
    """Move bin k of each frame's spectrum to k * factor, interpolated between the bins."""
    import numpy as np

    last = len(spectrum) - 1
    source = np.minimum(np.arange(last + 1) / factor, last)
    below = source.astype(int)
    part = (source - below)[:, None].astype(np.float32)
    moved: Matrix = spectrum[below] * (1 - part) + spectrum[np.minimum(below + 1, last)] * part
    return moved


def _rebinned(phase: Matrix, factor: float) -> Matrix:
    """Move bins like `_stretched`, but take the nearest one: a phase cannot be averaged."""
    import numpy as np

    last = len(phase) - 1
    nearest = np.minimum(np.rint(np.arange(last + 1) / factor).astype(int), last)
    moved: Matrix = phase[nearest]
    return moved


def _to_pcm(phrases: list[Matrix]) -> bytes:
    """Convert to s16le at the loudness that all clips share."""
    power = sum(float(phrase @ phrase) for phrase in phrases) / sum(map(len, phrases))
    gain = _LOUDNESS / max(power**0.5, 1e-6)
    return b"".join(_bent(phrase * gain) for phrase in phrases)


def _bent(samples: Matrix) -> bytes:
    """Convert samples to s16le, and round off the few peaks beyond -1 to 1."""
    import numpy as np

    heights = np.abs(samples)
    room = _PEAK - _KNEE
    bent = np.minimum(heights, _KNEE) + room * np.tanh(np.maximum(heights - _KNEE, 0) / room)
    pcm: bytes = np.rint(np.copysign(bent, samples) * 32_767).astype("<i2").tobytes()
    return pcm
