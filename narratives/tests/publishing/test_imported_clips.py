"""An archive brings the clips that a version or a voice waits for: the hooks of the whole site follow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from harness.clips import archived_clip, write_archive
from narratives import publishing
from narratives.models import Narrative, Publication
from ttscache.models import Clip, Rendition
from ttscache.speech import ClipSpec, VoiceRendition
from ttscache.warming import rendition_switch

pytestmark = pytest.mark.django_db

NEW = "Where did all of it begin?"
MARIN = VoiceRendition(provider="openai", model="gpt-realtime-2.1-mini", voice="marin")


@pytest.fixture(autouse=True)
def _paid(paid_voice: None) -> None:
    """The provider speaks."""


def import_clips(specs: list[ClipSpec], file: Path) -> None:
    """Import, as an operator does, from an archive that another site has written."""
    clips = [
        archived_clip(
            spec.speech.text,
            content_hash=spec.speech.content_hash,
            voice=spec.speech.voice,
            model=spec.speech.model,
            audio_format=spec.speech.audio_format,
        )
        for spec in specs
    ]
    write_archive(file, clips)
    call_command("import_clips", str(file))


def heard(voice: str = "nova") -> list[tuple[str, bool]]:
    told = Client().get("/api/narratives", {"voice": voice}).json()
    return [(each["text"], each["audio"]["ready"]) for each in told["narratives"]]


def test_a_version_that_waits_goes_live_once_an_archive_brings_its_clips(
    heard_question: Narrative, tmp_path: Path
) -> None:
    heard_question.text = NEW
    heard_question.save()
    (publication,) = publishing.publish([heard_question])
    assert publication.state == Publication.State.WAITING

    half, whole = publishing.publication_clips(publication)[:1], publishing.publication_clips(publication)
    import_clips(half, tmp_path / "half.tar")
    assert NEW not in dict(heard())
    import_clips(whole, tmp_path / "whole.tar")
    assert (NEW, True) in heard()
    publication.refresh_from_db()
    assert publication.state == Publication.State.PUBLISHED


def test_a_voice_that_is_prepared_takes_over_once_an_archive_brings_its_clips(
    heard_question: Narrative, tmp_path: Path, settings: Any
) -> None:
    live = VoiceRendition(provider="openai", model="tts-1-hd", voice="nova")
    rendition_switch.request_rendition("nova", live)
    pending = rendition_switch.request_rendition("nova", MARIN)
    assert pending is not None and pending.state == Rendition.State.PENDING

    import_clips(list(rendition_switch.needed_clips(pending)), tmp_path / "voice.tar")
    pending.refresh_from_db()
    assert pending.state == Rendition.State.LIVE
    assert all(ready for _, ready in heard())
    assert Clip.objects.with_audio().filter(voice="marin").count() == len(heard())
