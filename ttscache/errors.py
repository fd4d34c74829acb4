"""The errors of the speech cache, as a tree.

SpeechError                     anything this app raises on purpose
├── RequestRefused              the caller's text or settings; a retry changes nothing
│   ├── EmptyText, TextTooLong, BadText
│   ├── UnknownVoice, UnknownFormat, UnknownContentType, SpeedOutOfRange
│   └── TextRefused             the provider will not say this text
├── Busy, Throttled             this server is overloaded, or this caller asks too often
├── BudgetExhausted             the day's money is spent
├── StoreUnavailable            the database does not answer
│   └── NotKept                 no tier had room for the clip
├── ProviderError               the voice service
│   ├── ProviderUnavailable     down, overloaded, or its key is refused
│   │   ├── ConnectionClosed    it had closed the connection that this call was to use
│   │   ├── KeyRefused          operators have to act
│   │   │   └── QuotaUsedUp     operators have to pay
│   │   ├── VoiceNotInUse       the clip belongs to another provider
│   │   └── ProviderDown        known to be down, so it was not called
│   ├── ModelRetired            the provider no longer has the model; everything else works
│   ├── ProviderTimeout         no byte, or no end, within the time allowed
│   └── ProviderFailed          it answered, but the answer is useless
│       ├── BrokenAudio         the bytes are not a whole clip
│       ├── InputTooLong        it takes less text in one call; the text is cut smaller
│       ├── FormatRefused       it does not send this audio format
│       └── Reworded            the voice spoke other words than the text has
└── TierError                   a tier cannot read or keep a clip; logged and skipped

Each error carries the HTTP status and the snake_case code of the public contract, and a sentence for a
person. The sentence never holds a provider's words, a key, or a listener's words.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ttscache.text.transcripts import WordDifference
    from ttscache.token_usage import TokenUsage


def _seconds_until_tomorrow() -> float:
    now = datetime.now(UTC)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return max(1.0, (midnight - now).total_seconds())


@dataclass(frozen=True, slots=True)
class RefusedAudio:
    """The bytes of a clip that a check refused, and their cost. `is_part`: they say a part of the text."""

    audio: bytes = field(repr=False)
    usd: float = 0.0
    is_part: bool = False


class SpeechError(Exception):
    """A sentence for a person, a code for a program, a status for HTTP."""

    code = "speech_error"
    status = 500
    sentence = "Something went wrong while making the sound."
    usage: TokenUsage | None = None  # tokens that the failed call used, if it is priced by tokens

    def __init__(self, sentence: str = "", *, retry_after_seconds: float | None = None) -> None:
        super().__init__(sentence or self.sentence)
        self.retry_after_seconds = retry_after_seconds

    def for_staff(self) -> str:
        """Say why the clip is not made, and who can help. Holds no word of the text."""
        return str(self.args[0])


class RequestRefused(SpeechError):
    """The request itself is wrong: a retry with the same text changes nothing."""

    code = "bad_request"
    status = 400
    sentence = "This request cannot be spoken."


class EmptyText(RequestRefused):
    code = "empty_text"
    sentence = "There is no text to speak."


class TextTooLong(RequestRefused):
    code = "text_too_long"
    sentence = "The text is too long."


class BadText(RequestRefused):
    code = "bad_text"
    sentence = "The text holds characters that cannot be stored or spoken."


class UnknownVoice(RequestRefused):
    code = "unknown_voice"
    sentence = "There is no such voice."


class UnknownFormat(RequestRefused):
    code = "unknown_format"
    sentence = "There is no such audio format."


class UnknownContentType(RequestRefused):
    code = "unknown_content_type"
    sentence = "There is no such content type."


class SpeedOutOfRange(RequestRefused):
    """The model cannot speak at this speed. A clip at another speed must not be kept under this key."""

    code = "speed_out_of_range"
    sentence = "This voice cannot speak at that speed."


class TextRefused(RequestRefused):
    code = "text_refused"
    sentence = "The voice service declined to speak this text."

    def for_staff(self) -> str:
        return f"{self.args[0]} Please change the text."


class Busy(SpeechError):
    """Too many requests wait for a voice: more would delay the clips that are ready."""

    code = "busy"
    status = 503
    sentence = "Many clips are being made just now. Please try again in a moment."


class Throttled(SpeechError):
    code = "throttled"
    status = 429
    sentence = "Too many new clips were requested. Please try again later."


class BudgetExhausted(SpeechError):
    """The next call might exceed the daily budget."""

    code = "budget_exhausted"
    status = 503
    sentence = "No more new clips can be made today. Clips that exist still play."

    def for_staff(self) -> str:
        if self.args[0] != self.sentence:
            return str(self.args[0])
        return "Today's budget is spent. Your administrator can raise it; otherwise it continues tomorrow."

    def __init__(self, sentence: str = "", *, retry_after_seconds: float | None = None) -> None:
        """Set Retry-After to the start of the next day (UTC) unless it is given."""
        super().__init__(sentence, retry_after_seconds=retry_after_seconds or _seconds_until_tomorrow())


class StoreUnavailable(SpeechError):
    """The database does not answer, so we cannot check who may hear a clip or that it is paid for once."""

    code = "store_unavailable"
    status = 503
    sentence = "This clip cannot be looked up just now. Please try again in a moment."


class NotKept(StoreUnavailable):
    """The clip was made, but no tier had room for it; the caller must not report it as stored."""

    sentence = "This clip was made but could not be kept. Please try again in a moment."


class ProviderError(SpeechError):
    """The voice service failed. `is_retryable`: the same call may succeed in a moment."""

    is_retryable = False
    is_about_text = False  # another text would probably have come out well
    may_cost = False  # the provider may charge for such a call, although no sound came
    cause = ""  # a more exact code for operators; callers see `code` only

    @property
    def recorded_as(self) -> str:
        """The outcome under which the ledger records the failed call."""
        return self.cause or self.code


class ProviderUnavailable(ProviderError):
    code = "provider_unavailable"
    status = 503
    sentence = "The voice service is not available just now."
    is_retryable = True

    def for_staff(self) -> str:
        says, help_ = _FOR_STAFF.get(self.cause, (str(self.args[0]), _TRIED_AGAIN))
        return f"{says} {help_}"


class ConnectionClosed(ProviderUnavailable):
    """The provider had closed our idle connection; a new one may be tried at once."""


class KeyRefused(ProviderUnavailable):
    """The provider refuses our key. Operators have to act; a retry does not help."""

    is_retryable = False
    cause = "key_refused"


class QuotaUsedUp(KeyRefused):
    """The provider wants to be paid before it speaks again."""

    cause = "quota_used_up"


class VoiceNotInUse(ProviderUnavailable):
    """The clip belongs to a provider that is not configured at present."""

    sentence = "This clip needs a voice that is not in use."
    is_retryable = False

    def for_staff(self) -> str:
        return f"{self.args[0]} Please choose a voice on the page Voices, or ask your administrator."


class ProviderDown(ProviderUnavailable):
    """Too many calls failed, so none is made until a free look finds the provider working."""

    is_retryable = False


class ModelRetired(ProviderError):
    """The provider has shut the model down. This is no outage: a retry changes nothing and costs nothing.

    `model` is its name if this process called the provider itself. Stored clips of the model still play.
    """

    code = "model_retired"
    status = 503
    sentence = "This clip needs a voice that is no longer offered."

    def __init__(self, model: str = "") -> None:
        super().__init__()
        self.model = model

    def for_staff(self, model: str = "") -> str:
        """Say why the clip was not made, and who can help. Pass `model` if the error may not know it."""
        return (
            f"The provider has switched this model off ({self.model or model}), or the API key may not use "
            "it. Choose another voice, or set TTS_MODEL; then the clip is made with that."
        )


class ProviderTimeout(ProviderError):
    code = "provider_timeout"
    status = 504
    sentence = "The voice service did not answer in time."
    is_retryable = True
    may_cost = True

    def for_staff(self) -> str:
        return f"{self.args[0]} Please try again later."


class ProviderFailed(ProviderError):
    code = "provider_failed"
    status = 502
    sentence = "The voice service did not deliver a usable clip."
    is_retryable = True
    # Held only until the generation ends, and never for a person's own words.
    refused: RefusedAudio | None = None

    def for_staff(self) -> str:
        return "The voice service answered with an error. Please try again, or ask your administrator."


class Fault(StrEnum):
    """Why a clip is refused. Two refusals of one text for the same fault are not paid a third time."""

    WHOLENESS = "wholeness"
    PACE = "pace"
    SILENCE = "silence"


_FAULTS_FOR_STAFF = {
    Fault.WHOLENESS: "The recording was damaged or incomplete",
    Fault.PACE: "The recording was far too short or too long for its text",
    Fault.SILENCE: "The recording was silent",
}
_TOO_SHORT = "The recording was far too short for its text"
_TOO_LONG = "The recording was far too long for its text"


_DIRECTIONS = {None: "", False: ":short", True: ":long"}  # in the code that a lease remembers


class BrokenAudio(ProviderFailed):
    """The bytes are not a whole clip. `reason` is for logs and holds no words of the text.

    Leases remember it under special codes with its fault: a text that came out broken twice waits until staff
    ask for it. Without `is_about_text` it would have hit any text, such as a login page instead of sound.
    """

    remembered_as, remembered_for_good_as = "broken_audio", "broken_audio_again"
    is_repeated = False  # the refusal before was for the same fault
    waits_for_staff = False  # it was refused twice, so it is not made again until staff ask

    def __init__(
        self,
        reason: str = "it came out broken before",
        *,
        is_about_text: bool = True,
        kind: Fault = Fault.WHOLENESS,
        is_too_long: bool | None = None,
    ) -> None:
        """`is_too_long` says in which direction the pace is wrong, if that is known."""
        super().__init__()
        self.reason = reason
        self.is_about_text = is_about_text
        self.kind = kind
        self.is_too_long = is_too_long

    @property
    def remembered_fault(self) -> str:
        """The code for the lease of its text."""
        name = self.remembered_for_good_as if self.waits_for_staff else self.remembered_as
        return f"{name}:{self.kind}{_DIRECTIONS[self.is_too_long]}"

    @property
    def fault_in_words(self) -> str:
        """Say for staff, without a full stop, how the recording was wrong."""
        if self.kind is Fault.PACE and self.is_too_long is not None:
            return _TOO_LONG if self.is_too_long else _TOO_SHORT
        return _FAULTS_FOR_STAFF[self.kind]

    def for_staff(self) -> str:
        """Say why the clip was refused, and whether it is made again by itself."""
        if not self.is_about_text:  # such as a login page instead of sound
            return super().for_staff()
        if not self.waits_for_staff:
            return f"{self.fault_in_words}, so it was not kept."
        return f"{self.fault_in_words}, twice, so it was not kept. It is made again only when you ask for it."

    def __str__(self) -> str:
        return f"{self.sentence} ({self.reason})"


class InputTooLong(ProviderFailed):
    """The service takes less text in one call. Our provider remembers how much and cuts smaller parts."""

    is_retryable = False  # only in smaller parts
    cause = "input_too_long"


class FormatRefused(ProviderFailed):
    """The service does not send the audio format. `is_to_be_retried`: try once more in another format."""

    is_retryable = False
    cause = "format_refused"

    def __init__(self, *, is_to_be_retried: bool) -> None:
        super().__init__()
        self.is_to_be_retried = is_to_be_retried


class Reworded(ProviderFailed):
    """The voice spoke other words than the text has.

    Never log `differences`: they may hold a person's own words, and are only for staff about their own texts.
    They are empty if another process met the error. Leases remember it under a special code: after all
    attempts of one generation the text waits until staff ask for it.
    """

    is_about_text = True
    cause = remembered_as = "reworded"
    sentence = "The voice service changed the words of the text."

    def for_staff(self) -> str:
        return "The voice said other words than the text has, so the recording was not kept."

    def __init__(self, differences: tuple[WordDifference, ...] = ()) -> None:
        super().__init__()
        self.differences = differences


class TierError(SpeechError):
    code = "tier_error"
    sentence = "A storage tier is not available."


_TRIED_AGAIN = "It is tried again by itself. If this lasts, tell your administrator."
# For causes of ProviderUnavailable: what is wrong, and who can help.
_FOR_STAFF = {
    "key_refused": (
        "The voice service refuses our key.",
        "Your administrator has to set a good one (OPENAI_API_KEY).",
    ),
    "quota_used_up": (
        "The quota at the voice service is used up.",
        "Your administrator has to pay for more.",
    ),
    "provider_busy": ("The voice service is busy.", "It is tried again by itself."),
    "wrong_address": (
        "The voice service is not at the address that is set.",
        "Your administrator has to correct it (OPENAI_BASE_URL).",
    ),
}


_LEFT_BEHIND = (
    TextRefused,
    SpeedOutOfRange,
    ProviderUnavailable,
    ModelRetired,
    ProviderTimeout,
    ProviderFailed,
    StoreUnavailable,
    BudgetExhausted,
)


def error_of(code: str) -> SpeechError:
    """Recreate the error that another process met, from the code it left in the lease."""
    if code.startswith(BrokenAudio.remembered_as):
        name, *rest = code.split(":")
        fault, direction = (*rest, "", "")[:2]
        is_too_long = {"long": True, "short": False}.get(direction)
        kind = Fault(fault) if fault in tuple(Fault) else Fault.WHOLENESS
        error = BrokenAudio(kind=kind, is_too_long=is_too_long)
        error.waits_for_staff = name == BrokenAudio.remembered_for_good_as
        return error
    if code == Reworded.remembered_as:
        return Reworded()
    return next((kind for kind in _LEFT_BEHIND if kind.code == code), ProviderFailed)()
