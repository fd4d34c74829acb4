"""Addresses of the API. The dashboard and the other staff pages register theirs with Django's admin."""

from django.urls import path, re_path

from ttscache.api import clips, health, metrics, pruning, stats, text_to_speech, time_to_sound, warm_runs
from ttscache.api.gateway import catalogue, prefetch, speech
from ttscache.delivery.clip_urls import AUDIO

urlpatterns = [
    path("readyz", health.readyz),
    path("api/health", health.HealthView.as_view()),
    re_path(rf"^{AUDIO.pattern[1:]}$", clips.AudioView.as_view(), name="audio"),
    path("api/text-to-speech", text_to_speech.TextToSpeechView.as_view()),
    path("api/time-to-sound", time_to_sound.TimeToSoundView.as_view()),
    path("api/warm-runs/<uuid:run_id>", warm_runs.WarmRunView.as_view(), name="warm-run"),
    path("api/admin/clear-old-cache", pruning.ClearOldCacheView.as_view()),
    path("api/cache-stats", stats.CacheStatsView.as_view()),
    path("v1/audio/speech", speech.SpeechView.as_view()),
    path("v1/audio/prefetch", prefetch.PrefetchView.as_view()),
    path("v1/audio/models", catalogue.AudioModelsView.as_view()),
    path("v1/audio/voices", catalogue.VoicesView.as_view()),
    path("v1/models", catalogue.ModelsView.as_view()),
    path("v1/models/<path:model>", catalogue.ModelView.as_view()),
    path("metrics", metrics.MetricsView.as_view()),
]
