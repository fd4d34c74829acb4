"""The baseline over HTTP: sends the clip from a folder with Flask's `send_file`."""

from __future__ import annotations

import os
from pathlib import Path

from flask import Flask, Response, send_file

FOLDER = Path(os.environ["BENCH_CLIPS"])

app = Flask(__name__)


@app.get("/api/audio/<content_hash>.mp3")
def clip(content_hash: str) -> Response:
    return send_file(FOLDER / f"{content_hash}.mp3", mimetype="audio/mpeg")
