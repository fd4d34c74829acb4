from django.urls import path, re_path

from ttscache import api, metrics_api, prune_api, time_to_sound_api
from ttscache.middleware import AUDIO

urlpatterns = [
    path("readyz", api.readyz),
    path("api/health", api.HealthView.as_view()),
    re_path(rf"^{AUDIO.pattern[1:]}$", api.AudioView.as_view(), name="audio"),
    path("api/text-to-speech", api.TextToSpeechView.as_view()),
    path("api/time-to-sound", time_to_sound_api.TimeToSoundView.as_view()),
    path("api/warm-runs/<uuid:run_id>", api.WarmRunView.as_view(), name="warm-run"),
    path("api/admin/clear-old-cache", prune_api.ClearOldCacheView.as_view()),
    path("api/cache-stats", api.CacheStatsView.as_view()),
    path("metrics", metrics_api.MetricsView.as_view()),
]
