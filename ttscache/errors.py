"""What can go wrong, drawn as a tree.

SpeechError                     anything this app raises on purpose
├── RequestRefused              the caller's words or settings; asking again changes nothing
│   ├── EmptyText, TextTooLong, BadText
│   ├── UnknownVoice, UnknownFormat, UnknownContentType, SpeedOutOfRange
│   └── TextRefused             the provider will not say this text
├── Busy, Throttled             this server has its hands full, or this caller asks too often
├── BudgetExhausted             the day's money is spent
├── StoreUnavailable            what has to be looked up cannot be: the database does not answer
│   └── NotKept                 no tier had room for the clip
├── ProviderError               the voice service
│   ├── ProviderUnavailable     down, overloaded, or its key is refused
│   │   ├── ConnectionClosed    it had closed the connection that this call was to use
│   │   ├── KeyRefused          a matter for operators
│   │   │   └── QuotaUsedUp     as much so
│   │   ├── VoiceNotInUse       of another provider
│   │   └── ProviderDown        known to be down: it was not called
│   ├── ModelRetired            the provider no longer has the model; nothing is out of order
│   ├── ProviderTimeout         no byte, or no end, within the time allowed
│   └── ProviderFailed          it answered, and the answer is of no use
│       ├── BrokenAudio         the bytes are not a whole clip
│       ├── InputTooLong        it takes less text in one call: smaller parts are made
│       ├── FormatRefused       it does not send this audio format
│       └── Reworded            the voice said other words than it was given
└── TierError                   a tier cannot read or keep; logged and skipped, never a listener's trouble

Each carries the HTTP status and the snake_case code of the public contract, and a sentence that is fit for
a person: never a provider's words, a key, or what someone said.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ttscache.token_usage import TokenUsage
    from ttscache.transcripts import WordDifference


def _seconds_until_tomorrow() -> float:
    now = datetime.now(UTC)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return max(1.0, (midnight - now).total_seconds())


class SpeechError(Exception):
    """A sentence for a person, a code for a program, a status for HTTP."""

    code = "speech_error"
    status = 500
    sentence = "Something went wrong while making the sound."
    usage: TokenUsage | None = None  # what a provider call that ended so used, where it is priced by tokens

    def __init__(self, sentence: str = "", *, retry_after_seconds: float | None = None) -> None:
        super().__init__(sentence or self.sentence)
        self.retry_after_seconds = retry_after_seconds


class RequestRefused(SpeechError):
    """Asking again with the same words changes nothing."""

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
    """The model has no such speed; a clip at another speed must not be kept under this one."""

    code = "speed_out_of_range"
    sentence = "This voice cannot speak at that speed."


class TextRefused(RequestRefused):
    code = "text_refused"
    sentence = "The voice service declined to speak this text."


class Busy(SpeechError):
    """So many requests wait for a voice that further ones would hold up the clips that are ready."""

    code = "busy"
    status = 503
    sentence = "Many clips are being made just now. Please try again in a moment."


class Throttled(SpeechError):
    code = "throttled"
    status = 429
    sentence = "Too many new clips were asked for. Please try again later."


class BudgetExhausted(SpeechError):
    """The next call might go beyond what may be spent in a day."""

    code = "budget_exhausted"
    status = 503
    sentence = "No more new clips can be made today. What has been made before plays on."

    def __init__(self, sentence: str = "", *, retry_after_seconds: float | None = None) -> None:
        """By itself it says to come back on the next day (UTC)."""
        super().__init__(sentence, retry_after_seconds=retry_after_seconds or _seconds_until_tomorrow())


class StoreUnavailable(SpeechError):
    """Without the database nobody can tell who may hear a clip, or see to it that it is paid for once."""

    code = "store_unavailable"
    status = 503
    sentence = "This clip cannot be looked up just now. Please try again in a moment."


class NotKept(StoreUnavailable):
    """It was made, and no tier had room for it: it must not pass for a clip that is there."""

    sentence = "This clip was made but could not be kept. Please try again in a moment."


class ProviderError(SpeechError):
    """The voice service. `is_retryable`: the same call may well succeed in a moment."""

    is_retryable = False
    is_about_text = False  # whether another text would have come out well
    may_cost = False  # whether the provider may charge for a call that ended so, though no sound came
    cause = ""  # what operators are told beyond the code, which is all that callers learn

    @property
    def recorded_as(self) -> str:
        """The outcome under which a call that ended so is recorded."""
        return self.cause or self.code


class ProviderUnavailable(ProviderError):
    code = "provider_unavailable"
    status = 503
    sentence = "The voice service is not available just now."
    is_retryable = True


class ConnectionClosed(ProviderUnavailable):
    """A connection that was kept had been closed when the call went out: a new one may be tried at once."""


class KeyRefused(ProviderUnavailable):
    """The provider does not take our key: a matter for operators, not for another try."""

    is_retryable = False
    cause = "key_refused"


class QuotaUsedUp(KeyRefused):
    """The provider wants to be paid before it speaks again."""

    cause = "quota_used_up"


class VoiceNotInUse(ProviderUnavailable):
    """The clip belongs to a provider that this service does not use at present."""

    sentence = "The voice that this clip was made with is not in use."
    is_retryable = False


class ProviderDown(ProviderUnavailable):
    """So many calls failed that none is made until the provider is seen to be well."""

    is_retryable = False


class ModelRetired(ProviderError):
    """The provider has shut the model down. No outage: trying again changes nothing, and costs nothing.

    `model` is its name, where this process has asked for it itself. Clips that were made with it play on.
    """

    code = "model_retired"
    status = 503
    sentence = "The voice that this clip would be made with is no longer offered."

    def __init__(self, model: str = "") -> None:
        super().__init__()
        self.model = model

    def for_staff(self, model: str = "") -> str:
        """Why a clip was not made, and what to do. `model`: where the error does not know it."""
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


class ProviderFailed(ProviderError):
    code = "provider_failed"
    status = 502
    sentence = "The voice service did not deliver a usable clip."
    is_retryable = True


class BrokenAudio(ProviderFailed):
    """The bytes are not a whole clip. `reason` is for logs and holds no words of the text.

    Leases remember it by codes of their own: a text that came out broken twice waits until staff ask. Where
    it is not `is_about_text`, such as a login page instead of sound, it would have met any other text.
    """

    remembered_as, remembered_for_good_as = "broken_audio", "broken_audio_again"

    def __init__(self, reason: str = "it came out broken before", *, is_about_text: bool = True) -> None:
        super().__init__()
        self.reason = reason
        self.is_about_text = is_about_text

    def __str__(self) -> str:
        return f"{self.sentence} ({self.reason})"


class InputTooLong(ProviderFailed):
    """The service takes less text in one call. Its provider has learned how much, and cuts smaller parts."""

    is_retryable = False  # not as it is
    cause = "input_too_long"


class FormatRefused(ProviderFailed):
    """The service does not send the audio format. `is_to_be_asked_again`: there is another one to ask for."""

    is_retryable = False
    cause = "format_refused"

    def __init__(self, *, is_to_be_asked_again: bool) -> None:
        super().__init__()
        self.is_to_be_asked_again = is_to_be_asked_again


class Reworded(ProviderFailed):
    """The voice said other words than it was given. `differences` may hold a person's own words: they are for
    staff, where the text is theirs, and never for a log. They are empty where another process met them.

    Leases remember it by a code of its own: after all tries of one generation the text waits until staff ask.
    """

    is_about_text = True
    cause = remembered_as = "reworded"
    sentence = "The voice service said other words than the text has."

    def __init__(self, differences: tuple[WordDifference, ...] = ()) -> None:
        super().__init__()
        self.differences = differences


class TierError(SpeechError):
    code = "tier_error"
    sentence = "A storage tier is not available."


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
    """The error that another process met, from the code it left behind."""
    if code.startswith(BrokenAudio.remembered_as):
        return BrokenAudio()
    if code == Reworded.remembered_as:
        return Reworded()
    return next((kind for kind in _LEFT_BEHIND if kind.code == code), ProviderFailed)()
