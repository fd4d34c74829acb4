"""Answers of providers as people met them; ttscache/tests/audio/field/README.md says what each is."""

from __future__ import annotations

import base64
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "ttscache" / "tests" / "audio" / "field"

WHOLE_MP3S = (
    "mp3_ape.mp3",
    "mp3_ape_id3v1.mp3",
    "mp3_zeros_after.mp3",
    "mp3_newline_after.mp3",
    "mp3_zeros_before.mp3",
    "mp3_two_joined.mp3",
    "mp3_cover.mp3",
)
CUT_MP3 = "mp3_cut_last_frame.mp3"
UNMARKED_OPUS = "opus_no_eos.ogg"
ERROR_AS_AUDIO = "error_as_audio.body"
SENTENCE = "What place from your childhood comes to mind?"  # as long as the clips


def field_answer(name: str) -> bytes:
    """The bytes of one of them."""
    return (FOLDER / name).read_bytes()


def as_body(audio: bytes) -> str:
    """Bytes as Behaviour.body takes them."""
    return base64.b64encode(audio).decode()
