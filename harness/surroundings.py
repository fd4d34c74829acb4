"""A pytest plugin that is loaded before Django reads its settings: nothing inherited, a folder of its own.

TEST_DATABASE=postgres gives the suite a real PostgreSQL of its own instead of SQLite.
"""

from __future__ import annotations

import os
import shutil
import tempfile

import pytest

from harness.postgres import PostgresServer

OURS = ("OPENAI_", "TTS_", "AWS_", "DJANGO_SUPERUSER_", "WEB_")
OUR_NAMES = ("DATABASE_URL", "REDIS_URL", "HOST", "PORT", "SECRET_KEY", "ALLOWED_HOSTS", "DEBUG", "VAR_DIR")

for name in list(os.environ):  # before Django reads its settings
    if name.startswith(OURS) or name in OUR_NAMES:
        del os.environ[name]
folder = tempfile.mkdtemp(prefix="lifereview-tests-")
os.environ["VAR_DIR"] = folder
os.environ["DJANGO_SETTINGS_MODULE"] = "lifereview.settings"
is_on_postgresql = os.environ.get("TEST_DATABASE") == "postgres"
server = PostgresServer().__enter__() if is_on_postgresql else None
if server is not None:
    os.environ["DATABASE_URL"] = server.url


def pytest_unconfigure(config: pytest.Config) -> None:
    if server is not None:
        server.stop()
    shutil.rmtree(folder, ignore_errors=True)
