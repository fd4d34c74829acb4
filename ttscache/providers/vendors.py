"""Learns where a compatible service differs from OpenAI, from its refusals and answers.

Refusals are free, so operators need not configure how much text a service takes, or which formats.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message

from ttscache import audio as sound
from ttscache.errors import BrokenAudio, FormatRefused, InputTooLong, SpeechError, SpeedOutOfRange
from ttscache.speech import MOST_CHARACTERS_OF_A_CALL, SpeechRequest

logger = logging.getLogger(__name__)

FEWEST_CHARACTERS = 100  # parts are never cut shorter: a service that refuses this is useless
UNCOMPRESSED = ("pcm", "wav")  # requested, in this order, instead of a refused format

_REFUSED_STATUSES = (400, 413, 422)
_LOCATION = re.compile(r"""loc['"]?: [(\[]['"]body['"], ['"](\w+)['"]""")  # as pydantic names a field
_TOO_LONG = re.compile(
    r"too[ _-]?long|too many (characters|tokens)|above_max_length|longer than|at most \d+ (characters|tokens)"
    r"|max(imum)?[ _]([a-z]+[ _])*(length|characters|tokens|size)|exceed.{0,60}(limit|length|max|characters)",
    re.IGNORECASE,
)
_CHARACTERS = re.compile(r"(\d[\d,]*) ?char", re.IGNORECASE)
_BYTES = "application/octet-stream"
_SHORTEST_HEADER = 7  # bytes; that of an ADTS frame
_MEDIA_TYPES = {
    "audio/pcm": "pcm",
    "audio/x-pcm": "pcm",
    "audio/raw": "pcm",
    "audio/wav": "wav",
    "audio/wave": "wav",
    "audio/x-wav": "wav",
    "audio/vnd.wave": "wav",
}


@dataclass(frozen=True, slots=True)
class SentAudio:
    """The format of an answer. `sample_rate` in Hz is only valid for PCM."""

    audio_format: str
    sample_rate: int = sound.PCM_RATE

    def is_as_wanted(self, request: SpeechRequest) -> bool:
        is_odd_pcm = self.audio_format == "pcm" and self.sample_rate != sound.PCM_RATE
        return self.audio_format == request.audio_format and not is_odd_pcm

    def converted(self, clip: bytes, request: SpeechRequest) -> bytes:
        """Convert the clip to the format of the request. Raises BrokenAudio."""
        return sound.convert(clip, self.audio_format, request.audio_format, pcm_rate=self.sample_rate)


class Vendor:
    """The limits of one service, at first those of OpenAI. Safe to share between threads."""

    def __init__(self) -> None:
        self._most_characters: dict[str, int] = {}  # by model
        self._formats: dict[tuple[str, str], str] = {}  # by model and wanted format

    def most_characters(self, model: str) -> int:
        """The longest text for one call, as far as we have learned."""
        return self._most_characters.get(model, MOST_CHARACTERS_OF_A_CALL)

    def format_for(self, request: SpeechRequest) -> str:
        """The format to request: the wanted one, or another if the service refused that."""
        return self._formats.get((request.model, request.audio_format), request.audio_format)

    def converts(self, request: SpeechRequest) -> bool:
        """Whether the clip must be converted here, and so cannot be streamed."""
        return self.format_for(request) != request.audio_format

    def refusal(
        self, error: Mapping[str, object], status: int, request: SpeechRequest, requested_format: str
    ) -> SpeechError | None:
        """Return the error for a call that this service takes only in another form; None for other refusals.

        The limit is remembered, so that the service accepts the next call.
        """
        if status not in _REFUSED_STATUSES:
            return None
        said = str(error.get("message") or error.get("detail") or "").replace(request.text, "")
        field = _refused_field(error, said)
        if field == "speed" and request.speed != 1:
            return SpeedOutOfRange("This voice cannot speak faster or slower.")
        if field == "response_format":
            return self._learn_format(request, requested_format)
        is_too_long = status == 413 or _TOO_LONG.search(f"{error.get('code')} {said}")
        if field in ("", "input", "text") and is_too_long and len(request.text) > FEWEST_CHARACTERS:
            return self._learn_length(request, said)
        return None

    def sent(self, content_type: str, start: bytes, requested_format: str) -> SentAudio:
        """Tell the format of an answer from its first bytes; the media type decides only between guesses.

        Raises BrokenAudio for bytes that are not audio of that format, whatever the media type says.
        """
        header = Message()
        header["Content-Type"] = content_type or _BYTES
        labelled = _MEDIA_TYPES.get(header.get_content_type(), "")
        is_plain_pcm = len(start) > _SHORTEST_HEADER and not sound.begins_as_file(start)
        if requested_format != "pcm" and sound.begins_as(start, requested_format) and labelled != "pcm":
            return SentAudio(requested_format)
        if labelled:
            sent = labelled
        elif header.get_content_type() == _BYTES and is_plain_pcm:
            sent = "pcm"
        else:
            sent = requested_format
        if start and not sound.begins_as(start, sent):
            # A page or an error in words would have come for any text.
            raise BrokenAudio("the answer is not audio", is_about_text=not sound.is_text(start))
        if sent != "pcm":
            return SentAudio(sent)
        if header.get_param("channels", "1") != "1":
            raise BrokenAudio("PCM of several channels", is_about_text=False)
        rate = str(header.get_param("rate", str(sound.PCM_RATE)))
        if not rate.isdecimal() or not 8_000 <= int(rate) <= 192_000:
            raise BrokenAudio("PCM of an unknown sample rate", is_about_text=False)
        return SentAudio(sent, int(rate))

    def _learn_format(self, request: SpeechRequest, refused: str) -> FormatRefused:
        if self.format_for(request) == refused:  # otherwise another thread has learned it meanwhile
            instead = [each for each in UNCOMPRESSED if each != request.audio_format]
            untried = instead[instead.index(refused) + 1 :] if refused in instead else instead
            if untried:
                self._formats[request.model, request.audio_format] = untried[0]
                logger.info("%s does not send %s; asking for %s.", request.model, refused, untried[0])
        return FormatRefused(is_to_be_retried=self.format_for(request) != refused)

    def _learn_length(self, request: SpeechRequest, said: str) -> InputTooLong:
        """Learn the limit from the number in the refusal, or take half of the length that was too long."""
        length = len(request.text)
        named = [int(number.replace(",", "")) for number in _CHARACTERS.findall(said)]
        most = min((each for each in named if FEWEST_CHARACTERS <= each < length), default=length // 2)
        most = max(FEWEST_CHARACTERS, min(most, self.most_characters(request.model)))
        self._most_characters[request.model] = most
        logger.info("%s takes no %d characters; cutting parts of %d.", request.model, length, most)
        return InputTooLong()


def _refused_field(error: Mapping[str, object], said: str) -> str:
    """The field of the request that a refusal names, or an empty string."""
    named = str(error.get("param") or "").rpartition(".")[2]
    located = _LOCATION.search(said)
    if named or located:
        return named or (located[1] if located else "")
    return next(
        (field for field in ("response_format", "speed", "instructions") if field in said.lower()), ""
    )
