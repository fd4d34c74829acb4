"""The failure of a clip as its lease remembers it, so that nobody pays for it again and again.

The generator writes it when it releases the lease. `forget_the_dead` of coordination/hosts.py keeps it for
90 days.
"""

from __future__ import annotations

from ttscache.errors import BrokenAudio, Fault, NotKept, Reworded, SpeechError, TextRefused, error_of

REFUSED_SECONDS = 600  # how long a refused text is not sent again
BROKEN_SECONDS = 600  # how long a text that came out broken waits: each attempt may cost
UNTIL_STAFF_ASK_SECONDS = 100 * 365 * 86_400.0  # after the second broken clip, or a reworded one
NOT_KEPT_SECONDS = 10  # how long a clip that no tier could store is not made again


def memory_of(failure: SpeechError, *, before: str, is_outage: bool) -> tuple[str, float]:
    """The error code to leave in the lease, and for how many seconds nobody may try again.

    `before` is the code that the lease has held until now. `is_outage`: the provider fails for many texts,
    so this text is probably not the cause. Marks a broken clip that now waits for staff.
    """
    if isinstance(failure, BrokenAudio) and failure.is_about_text:
        was_broken = failure.is_repeated or before.startswith(BrokenAudio.remembered_as)
        failure.waits_for_staff = was_broken and not is_outage
        seconds = UNTIL_STAFF_ASK_SECONDS if failure.waits_for_staff else BROKEN_SECONDS
        return failure.remembered_fault, seconds
    if isinstance(failure, Reworded):
        return Reworded.remembered_as, BROKEN_SECONDS if is_outage else UNTIL_STAFF_ASK_SECONDS
    if isinstance(failure, TextRefused):
        return failure.code, REFUSED_SECONDS
    return failure.code, NOT_KEPT_SECONDS if isinstance(failure, NotKept) else 0.0


def fault_in(code: str) -> Fault | None:
    """The fault of the last refusal, from the code in the lease; None if it was no broken clip."""
    before = error_of(code)
    return before.kind if isinstance(before, BrokenAudio) else None
