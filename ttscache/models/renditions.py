"""Rendition: the provider's voice that plays a listener voice, now, next or before."""

from __future__ import annotations

import json
from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from ttscache.fingerprint import fingerprint_of
from ttscache.speech import VoiceRendition


class RenditionQuerySet(models.QuerySet["Rendition"]):
    def live(self) -> Self:
        """The renditions that listeners hear, one for each listener voice."""
        return self.filter(state=Rendition.State.LIVE)

    def pending(self) -> Self:
        """The renditions whose clips are being made, at most one for each listener voice."""
        return self.filter(state=Rendition.State.PENDING)


class Rendition(models.Model):
    """The provider's voice that plays a listener voice. A pending one goes live once all its clips exist."""

    class State(models.TextChoices):
        PENDING = "pending", "Being prepared"
        LIVE = "live", "Live"
        PAST = "past", "Past"
        CANCELLED = "cancelled", "Cancelled"

    listener_voice = models.CharField(max_length=50)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    provider = models.CharField(max_length=20)
    model = models.CharField(max_length=100)
    voice = models.CharField("the provider's voice", max_length=50)
    audio_format = models.CharField(max_length=10, default="mp3")
    speed = models.FloatField(default=1.0)
    instructions = models.TextField(default="", blank=True)
    requested_by = models.CharField(max_length=150, default="", blank=True)  # a person, or "settings"
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    live_at = models.DateTimeField(null=True, blank=True, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True, editable=False)  # past or cancelled

    objects: ClassVar[models.Manager[Rendition]] = RenditionQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = "voice", "voices"
        ordering: ClassVar = ["listener_voice", "-created_at"]
        permissions: ClassVar = [("choose_voice", "Can choose who plays a voice for listeners")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["listener_voice"], condition=Q(state="live"), name="one_live_rendition_a_voice"
            ),
            models.UniqueConstraint(
                fields=["listener_voice"], condition=Q(state="pending"), name="one_pending_rendition_a_voice"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.listener_voice}: {self.model}, {self.voice} ({self.get_state_display().lower()})"

    @property
    def spec(self) -> VoiceRendition:
        return VoiceRendition(
            provider=self.provider,
            model=self.model,
            voice=self.voice,
            audio_format=self.audio_format,
            speed=self.speed,
            instructions=self.instructions,
        )


class InstallationSettings(models.Model):
    """The renditions that the settings of one installation ask for, and since when.

    Hosts restart one after the other with new settings. A host's settings take effect when they change, not
    at each start, so that a restart of a host with old settings undoes nothing.
    """

    installation = models.CharField(max_length=500, unique=True)  # its host, and the folder of its clips
    host = models.CharField(max_length=100)
    renditions = models.JSONField()  # by listener voice
    since = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)  # when it last started, or its host was at work

    class Meta:
        ordering: ClassVar = ["-since"]

    def __str__(self) -> str:
        return f"{self.installation}, since {self.since:%d %b %Y %H:%M}"

    @property
    def digest(self) -> str:
        """Stands for this installation with these settings once the row is gone."""
        facts = (self.installation, json.dumps(self.renditions, sort_keys=True))
        return fingerprint_of(facts)[:32]


class ForgottenInstallation(models.Model):
    """The last trace of an installation that was away for long: enough to know it again with the settings
    that it had, so that it undoes no newer change when it comes back.
    """

    digest = models.CharField(max_length=32, primary_key=True)
    forgotten_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.digest}, forgotten {self.forgotten_at:%d %b %Y}"
