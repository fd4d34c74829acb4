"""Examples of requests and answers, for the description of the API. Each request works on a new site."""

from __future__ import annotations

from typing import Any

_HASH = "6bdb5a76fd9af4b7b7d4e0a5b5a2f0c1"
_RUN = "3f0c8a52-6f0e-4b58-9d8e-1c1f1ad3a1e4"
_AUDIO = {
    "url": f"/api/audio/{_HASH}.mp3?v=0a1b2c3d",
    "content_hash": _HASH,
    "ready": True,
    "duration_ms": 33_120,
    "bytes": 530_112,
    "content_type": "audio/mpeg",
}
_MODEL = {
    "id": "life-review",
    "object": "model",
    "created": 1_795_902_887,
    "owned_by": "life-review",
    "shutdown_date": None,
}
_ANSWER = "We had a garden with apple trees, and my brother read to me there."
_REFLECTION = "You had a garden with apple trees. Your brother read to you there."
_QUESTION = "What do you remember of the first house that you lived in?"
_PRE_CACHED = {
    "success": True,
    "voice": "nova",
    "total_count": 17,
    "cached_count": 3,
    "queued_count": 14,
    "run": _RUN,
    "status_url": f"/api/warm-runs/{_RUN}",
}
_PREFETCHED = {
    "object": "audio.prefetch",
    "dry_run": False,
    "total": 1,
    "ready": 0,
    "missing": 1,
    "characters": 13,
    "cost_usd": 0.00039,
    "run": _RUN,
    "status_url": f"/api/warm-runs/{_RUN}",
}

# By call: the name of each example, and the body.
REQUESTS: dict[str, dict[str, Any]] = {
    "POST /v1/audio/speech": {
        "a sentence": {"model": "life-review", "voice": "nova", "input": "Good morning."},
        "another format and speed": {
            "model": "tts-1-hd",
            "voice": "onyx",
            "input": "Good morning.",
            "response_format": "opus",
            "speed": 1.25,
        },
        "as events": {
            "model": "life-review",
            "voice": {"id": "nova"},
            "input": "Good morning.",
            "stream_format": "sse",
        },
    },
    "POST /v1/audio/prefetch": {
        "how much is missing": {"items": [{"voice": "nova", "input": "Good morning."}], "dry_run": True}
    },
    "POST /api/text-to-speech": {
        "a sentence": {"text": "Good morning.", "voice": "nova", "content_type": "greeting"}
    },
    "POST /api/pre-cache-narratives": {"in one voice": {"voice": "nova"}},
    "POST /api/reflections": {
        "an answer": {"narrative": 2, "answer": _ANSWER, "voice": "nova", "heard": [_HASH]}
    },
    "POST /api/analyze": {"an answer": {"question": _QUESTION, "answer": _ANSWER}},
    "POST /api/analyze-and-tts": {"an answer": {"question": _QUESTION, "answer": _ANSWER, "voice": "nova"}},
    "POST /api/time-to-sound": {
        "a quick start": {"voice": "nova", "content_type": "question", "milliseconds": 180}
    },
    "POST /api/admin/clear-old-cache": {"only count": {"days": 90, "dry_run": True}},
}

# By call, or by call and status.
RESPONSES: dict[str, Any] = {
    "POST /v1/audio/speech": {"data": '{"type": "speech.audio.delta", "audio": "//PExA=="}'},
    "POST /v1/audio/prefetch 200": _PREFETCHED
    | {"ready": 1, "missing": 0, "characters": 0, "cost_usd": 0.0, "run": None, "status_url": None},
    "POST /v1/audio/prefetch 202": _PREFETCHED,
    "GET /v1/models": {"object": "list", "data": [_MODEL]},
    "GET /v1/models/{model}": _MODEL,
    "GET /v1/audio/models": {"models": [{"id": "life-review"}, {"id": "tts-1-hd"}]},
    "GET /v1/audio/voices": {"voices": [{"id": "nova", "name": "nova"}, {"id": "onyx", "name": "onyx"}]},
    "GET /api/narratives": {
        "voice": "nova",
        "voices": ["nova", "onyx"],
        "journey": "life-review-default",
        "language": "en",
        "dir": "ltr",
        "narratives": [
            {
                "id": 2,
                "kind": "question",
                "position": 1,
                "title": "The first house",
                "text": _QUESTION,
                "audio": _AUDIO,
            }
        ],
        "system": {"break": {"text": "Take all the time you need.", "audio": _AUDIO}},
    },
    "POST /api/pre-cache-narratives 200": _PRE_CACHED | {"cached_count": 17, "queued_count": 0},
    "POST /api/pre-cache-narratives 202": _PRE_CACHED,
    "GET /api/warm-runs/{run_id}": {
        "run": _RUN,
        "state": "running",
        "paused_because": "",
        "total": 14,
        "done": 5,
        "skipped": 0,
        "failed": 0,
        "cancelled": 0,
        "characters": 2_901,
        "cost_usd": 0.03,
        "started_at": "2026-11-28T17:00:00Z",
        "finished_at": None,
        "eta_seconds": 12,
    },
    "POST /api/reflections": {
        "success": True,
        "text": _REFLECTION,
        "source": "bank",
        "level": "none",
        "reused": False,
        "audio": _AUDIO,
    },
    "POST /api/analyze": {"success": True, "analysis": _REFLECTION},
    "POST /api/analyze-and-tts": {"success": True, "analysis": _REFLECTION, "tts_path": _AUDIO["url"]},
    "GET /api/cache-stats": {
        "success": True,
        "supabase_entries": 1_234,
        "local_files": 45,
        "memory_cache": 12,
        "supabase_enabled": True,
        "hit_rate": 0.978,
        "by_tier": {"memory": 700, "file": 150, "database": 47, "storage": 0, "generated": 3},
        "spent_usd": 0.53,
        "saved_usd": 41.2,
        "budget": {"usd_a_day": None, "committed_today_usd": 0.1},
    },
    "POST /api/admin/clear-old-cache": {
        "success": True,
        "dry_run": True,
        "deleted_entries": 0,
        "freed_bytes": 0,
        "protected_entries": 0,
        "remake_cost_usd": 0.0,
    },
    "GET /api/health": {"status": "healthy", "service": "life-review"},
    "GET /metrics": "# HELP lifereview_requests_total Requests for clips.\n",
}
