"""The dashboard of a whole site: its figures, and the action items of the texts."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from harness.retirement_day import stand_before_shutdown
from harness.staff_pages import usage
from harness.statements import recorded_statements
from narratives.content.loading import load_default_content
from ttscache.models import Clip, DailyRequests, Rendition
from ttscache.renditions.current import forget_renditions, request_for
from ttscache.speech import VoiceRendition
from ttscache.warming.rendition_switch import request_rendition

pytestmark = pytest.mark.django_db

MOST_STATEMENTS = 45


@pytest.fixture
def retiring_site(paid_voice: None, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """A site with texts and reflections that are heard often; its model is switched off in 30 days."""
    load_default_content()
    for voice in ("nova", "onyx"):
        request_rendition(voice, VoiceRendition(provider="openai", model="tts-1-hd", voice=voice))
        for number in range(20):
            clip = Clip.objects.record(request_for(f"A quiet kind of home, {number}.", voice), "analysis")
            DailyRequests.objects.create(
                content_hash=clip.content_hash, day=timezone.now().date(), requests=number + 1
            )
    Clip.objects.filter(content_type="analysis").update(is_shareable=True, stored_at=timezone.now())
    assert Rendition.objects.live().count() == 2
    usage(30)
    stand_before_shutdown(30, monkeypatch)


def test_the_dashboard_of_a_site_whose_model_retires_takes_few_statements(
    retiring_site: None, admin_client: Client
) -> None:
    address = f"{reverse('admin:index')}?range=90d"
    page = admin_client.get(address).content.decode()  # fills the cache of figures
    assert "A quiet kind of home, 19." in page
    assert "tts-1-hd" in page
    forget_renditions()  # the answer must not depend on the age of what this process remembers
    with recorded_statements() as statements:
        admin_client.get(address)
    assert len(statements) <= MOST_STATEMENTS, "\n".join(statements)
    of_the_cache = [each for each in statements if "django_cache" in each]
    assert len(of_the_cache) == 1, "every cached figure comes from one read of the cache"
    of_models = [each for each in statements if "ttscache_modelnotice" in each]
    assert len(of_models) <= 3
