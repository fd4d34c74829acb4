"""Django's own FileResponse for a clip in a folder, in a project with no middleware and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse, HttpRequest
from django.urls import path

FOLDER = Path(os.environ["BENCH_CLIPS"])

settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="of the bench", MIDDLEWARE=[])


def clip(request: HttpRequest, content_hash: str) -> FileResponse:
    return FileResponse((FOLDER / f"{content_hash}.mp3").open("rb"), content_type="audio/mpeg")


urlpatterns = [path("api/audio/<str:content_hash>.mp3", clip)]
application = get_wsgi_application()
