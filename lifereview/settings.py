"""Environment -> settings. A bare clone runs on SQLite with the embedded voice; README lists them all."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path
from typing import Any

import dj_database_url
from dotenv import dotenv_values
from redis.backoff import NoBackoff
from redis.retry import Retry

from lifereview import admin_look, mail, object_storage
from lifereview.environment import Environment, refuse
from ttscache.price_list import HIT_RATE_TARGETS, LIST_PRICES, Price
from ttscache.speech import OPENAI_VOICES

BASE_DIR = Path(__file__).resolve().parent.parent
# The environment wins over the file, as everywhere.
env = Environment({**{k: v or "" for k, v in dotenv_values(BASE_DIR / ".env").items()}, **os.environ})

# --- the web server (read by gunicorn.conf.py) -----------------------------------------------------------
HOST = env.text("HOST", "127.0.0.1")
PORT = env.integer("PORT", 8000, least=1, most=65535)
WEB_WORKERS = env.integer("WEB_WORKERS", 2, least=1, most=64)
WEB_THREADS = env.integer("WEB_THREADS", 64, least=4, most=1024)
IS_WEB_PROCESS = os.environ.get("LIFEREVIEW_PROCESS") == "web"

# --- what the embedded default writes --------------------------------------------------------------------
VAR_DIR = env.folder("VAR_DIR", BASE_DIR / "var")
try:
    VAR_DIR.mkdir(mode=0o750, parents=True, exist_ok=True)
except OSError as error:
    refuse("VAR_DIR", str(VAR_DIR), f"it has to be a folder that can be written ({error.strerror})")

DEBUG = env.flag("DEBUG", False)
VERSION = "0.1.0"  # as in pyproject.toml, which need not be where this runs

# --- who may call ----------------------------------------------------------------------------------------
THIS_MACHINE = list(dict.fromkeys(["localhost", "127.0.0.1", "[::1]", socket.gethostname().lower()]))
_HOST_PATTERN = r"\*|\.?[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:]+\]"
ALLOWED_HOSTS = env.words(
    "ALLOWED_HOSTS", THIS_MACHINE, pattern=_HOST_PATTERN, allowed="a list of host names, such as example.org"
)
_ORIGINS: dict[str, Any] = {
    "pattern": r"https?://[^\s/,]+",
    "allowed": "a list of origins, such as https://example.org",
}
CORS_ALLOWED_ORIGINS = env.words("CORS_ALLOWED_ORIGINS", **_ORIGINS)
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS", **_ORIGINS)
IS_BEHIND_TLS = any(origin.startswith("https://") for origin in CSRF_TRUSTED_ORIGINS)


def _secret_key() -> str:
    """Given, or made once and kept. A key that only this machine knows is no key for a public site."""
    given = env.text("SECRET_KEY")
    if given:
        return given
    if not set(ALLOWED_HOSTS) <= set(THIS_MACHINE):
        refuse(
            "SECRET_KEY",
            "",
            "a site beyond this machine (ALLOWED_HOSTS) has to be given one, shared by all its hosts",
        )
    path = VAR_DIR / "secret_key"
    if not path.exists():
        # Written beside its place, then linked in: of two first starts at once, one key wins for both.
        draft = VAR_DIR / f"secret_key.{secrets.token_hex(4)}"
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(50))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


SECRET_KEY = _secret_key()

# --- applications ----------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "lifereview",  # before django_q, whose qcluster it makes its own
    "django_q",
    "ttscache",
    "narratives",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "lifereview.middleware.bodiless_head",
    "lifereview.middleware.content_security_policy",
    # Without other origins it would only make every response vary by Origin.
    *(["corsheaders.middleware.CorsMiddleware"] if CORS_ALLOWED_ORIGINS else []),
    "ttscache.delivery.middleware.published_clips",  # inside of CORS, whose headers its responses need
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "lifereview.urls"
WSGI_APPLICATION = "lifereview.wsgi.application"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- database --------------------------------------------------------------------------------------------
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASE_URL = env.url("DATABASE_URL", schemes=["postgres", "postgresql"])


# Where a cable is pulled nobody says goodbye. Without these a process notices after a quarter of an hour that
# nothing it sends arrives, and after two hours that nothing comes (libpq's names; tcp(7) explains them).
_NOTICES_A_CUT_CABLE = {
    "connect_timeout": 3,
    "tcp_user_timeout": 10_000,  # ms without a sign that what was sent has come
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}


def _postgresql() -> dict[str, Any]:
    """The web keeps a small pool; everything else one connection. A pool does not survive a fork, and
    django-q2 forks. Behind a pooler in transaction mode there are no server-side cursors."""
    try:
        parsed: dict[str, Any] = dict(dj_database_url.parse(DATABASE_URL))
    except ValueError:  # its message may quote the password
        refuse("DATABASE_URL", "postgres://…", "allowed is postgres://user:password@host:port/name")
    options = {**_NOTICES_A_CUT_CABLE, **parsed.get("OPTIONS", {})}
    if IS_WEB_PROCESS:
        # Given up soon and begun anew by whoever asks next, so that the end of an outage is noticed at once.
        options["pool"] = {"min_size": 1, "max_size": 10, "timeout": 3, "reconnect_timeout": 3}
    return {
        **parsed,
        "OPTIONS": options,
        "CONN_MAX_AGE": 0 if IS_WEB_PROCESS else 600,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": True,
    }


def _sqlite() -> dict[str, Any]:
    """Write locks are taken at the start of a transaction and waited for; with SQLite's defaults the
    task queue loses results."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": VAR_DIR / "lifereview.sqlite3",
        "CONN_MAX_AGE": 600,
        "TEST": {"NAME": VAR_DIR / "test.sqlite3"},  # a file: threads share it as they do in earnest
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }


DATABASES = {"default": _postgresql() if DATABASE_URL else _sqlite()}

REDIS_URL = env.url("REDIS_URL", schemes=["redis", "rediss"])
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        # It only counts for throttles: where it is gone, nobody is to wait long for it.
        "OPTIONS": {
            "socket_connect_timeout": 1,
            "socket_timeout": 1,
            "health_check_interval": 15,
            "retry": Retry(NoBackoff(), 1),
        },
    }
    if REDIS_URL
    else {
        "BACKEND": "lifereview.database_cache.CountingCache",
        "LOCATION": "django_cache",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    }
}
# Of each process by itself, for what is not worth a query.
CACHES["process"] = {
    "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
    "OPTIONS": {"MAX_ENTRIES": 1_000},
}

# --- background tasks ------------------------------------------------------------------------------------
TTS_TIMEOUT_SECONDS = env.number("TTS_TIMEOUT_SECONDS", 30.0, least=1, most=600)
TTS_MAX_CHARS = env.integer("TTS_MAX_CHARS", 20_000, least=1, most=1_000_000)
# A task takes clips for 45 s; the last of them may be the longest there is, and tried three times.
LONGEST_TASK_SECONDS = 60 + 3 * round(TTS_TIMEOUT_SECONDS + TTS_MAX_CHARS / 100)
Q_CLUSTER = {
    "name": "lifereview",
    "orm": "default",
    "workers": 2,
    "queue_limit": 2,  # a task's lock runs from the moment it is fetched, so fetch few
    "bulk": 1,
    "timeout": LONGEST_TASK_SECONDS,
    "retry": LONGEST_TASK_SECONDS + 300,  # what was cut off is taken up by us, much sooner
    "max_attempts": 3,
    "save_limit": 0,
    "poll": 0.1,
    "catch_up": False,
    "label": "Background tasks",
}

# --- speech ----------------------------------------------------------------------------------------------
_OPENAI_API_KEY = env.text("OPENAI_API_KEY")
_VOICES: dict[str, Any] = {
    "pattern": r"[A-Za-z0-9][A-Za-z0-9_-]{0,49}",
    "allowed": f"a list of voices, such as nova,onyx (OpenAI's are {', '.join(OPENAI_VOICES)})",
}


def _prices() -> dict[str, Price]:
    """The list prices, and those that are named here: per million characters, or with /s per second."""
    named = env.words(
        "TTS_PRICES",
        pattern=r"[^=,\s]+=\d{1,9}(\.\d{1,9})?(/s)?",
        allowed="a list such as my-model=12.5,my-other-model=0.0003/s "
        "(US dollars per million characters, or per second of sound)",
    )
    prices = dict(LIST_PRICES)
    for model, _, price in (entry.partition("=") for entry in named):
        amount = float(price.removesuffix("/s"))
        by_second = price.endswith("/s")
        prices[model] = Price(per_second=amount) if by_second else Price(per_million_characters=amount)
    return prices


def _hit_rate_targets() -> dict[str, float]:
    """The usual ones, and those that are named here, in percent."""
    named = env.words(
        "TTS_HIT_RATE_TARGETS",
        pattern=r"(narrative|question|analysis|response)=(100|\d{1,2}(\.\d{1,4})?)",
        allowed="a list such as narrative=99.9,question=95,analysis=60 (percent of requests)",
    )
    pairs = (entry.split("=") for entry in named)
    return HIT_RATE_TARGETS | {kind: float(percent) / 100 for kind, percent in pairs}


FILES_DIR = env.folder("TTS_FILES_DIR", VAR_DIR / "tts_cache")
try:
    FILES_DIR.mkdir(parents=True, exist_ok=True)
except OSError as error:
    refuse("TTS_FILES_DIR", str(FILES_DIR), f"it has to be a folder that can be written ({error.strerror})")
PRICES = _prices()
LISTENER_VOICES = tuple(env.words("TTS_LISTENER_VOICES", ["nova", "onyx"], **_VOICES))
globals().update(object_storage.settings_in(env))  # AWS_…, which django-storages reads by itself
TTSCACHE = {
    "permanent": object_storage.permanent_tier(env),
    "bucket": env.text("AWS_STORAGE_BUCKET_NAME"),
    "cdn_url": object_storage.cdn_url(env),
    "compression": env.choice("TTS_COMPRESSION", "auto", ["auto", "gzip", "none"]),
    "provider": env.choice(
        "TTS_PROVIDER", "openai" if _OPENAI_API_KEY else "embedded", ["openai", "embedded"]
    ),
    "openai_api_key": _OPENAI_API_KEY,
    "openai_base_url": env.url("OPENAI_BASE_URL", schemes=["http", "https"]),
    "model": env.text("TTS_MODEL", "tts-1-hd"),
    "audio_format": env.choice("TTS_FORMAT", "mp3", ["mp3", "opus", "aac", "flac", "wav", "pcm"]),
    "listener_voices": LISTENER_VOICES,
    "memory_bytes": env.byte_count("TTS_MEMORY_BYTES", 64 * 1024**2),
    "files_bytes": env.byte_count("TTS_FILES_BYTES", 1024**3),
    "files_dir": FILES_DIR,
    "warm_concurrency": env.integer("TTS_WARM_CONCURRENCY", 5, least=1, most=100),
    "predict_ahead": env.integer("TTS_PREDICT_AHEAD", 3, least=0, most=100),
    "stale_days": env.integer("TTS_STALE_DAYS", 90, least=1, most=36_500),
    "max_chars": TTS_MAX_CHARS,
    "timeout_seconds": TTS_TIMEOUT_SECONDS,
    "daily_budget_usd": env.optional_number("TTS_DAILY_BUDGET_USD", least=0, most=1_000_000),
    "ask_above_usd": env.number("TTS_ASK_ABOVE_USD", 1.0, least=0, most=1_000_000),
    "prices": PRICES,
    "hit_rate_targets": _hit_rate_targets(),
    "storage_limit_bytes": env.byte_count("TTS_STORAGE_LIMIT_BYTES", 0),
    "allow_anonymous_text": env.flag("TTS_ALLOW_ANONYMOUS_TEXT", False),
    "waiting_threads": WEB_THREADS * 3 // 4,
}
if TTSCACHE["provider"] == "openai" and not _OPENAI_API_KEY:
    refuse("TTS_PROVIDER", "openai", "it needs an OPENAI_API_KEY; allowed without one is embedded")
if TTSCACHE["provider"] == "embedded" and not set(LISTENER_VOICES) <= set(OPENAI_VOICES):
    refuse("TTS_LISTENER_VOICES", ",".join(LISTENER_VOICES), f"allowed is {_VOICES['allowed']}")
_IS_UNPRICED = TTSCACHE["provider"] == "openai" and TTSCACHE["model"] not in PRICES
if TTSCACHE["daily_budget_usd"] is not None and _IS_UNPRICED:
    _WHY = f"the model {TTSCACHE['model']} has no price to count against it; name one in TTS_PRICES"
    refuse("TTS_DAILY_BUDGET_USD", env.text("TTS_DAILY_BUDGET_USD"), _WHY)

# --- listeners -------------------------------------------------------------------------------------------
HELP_LINE = env.text(
    "HELP_LINE"
)  # whom to call in a hard moment, such as "988 in the US"; shown, never spoken

# --- HTTP API --------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "ttscache.api.authentication.ApiTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "ttscache.api.errors.answer_error",
    "DEFAULT_THROTTLE_RATES": {
        "generation": "600/min",
        "anonymous_generation": "60/min",
        "pre_cache": "20/min",
        "time_to_sound": "300/min",  # in each process; many may listen behind one address
    },
    "NUM_PROXIES": 1 if IS_BEHIND_TLS else 0,  # whose word counts for a caller's address
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Life Review",
    "DESCRIPTION": "A guided life story, spoken aloud, without waiting.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}
CORS_URLS_REGEX = r"^/(api|v1)/.*$"
CORS_EXPOSE_HEADERS = ["Cache-Status", "Content-Range", "ETag", "Retry-After"]

# --- signing in, security --------------------------------------------------------------------------------
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
FIRST_STAFF_USER = {
    "username": env.text("DJANGO_SUPERUSER_USERNAME", "admin"),
    "email": env.text("DJANGO_SUPERUSER_EMAIL"),
    "password": env.text("DJANGO_SUPERUSER_PASSWORD"),
}
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"  # for who opens the login page itself
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_BEHIND_TLS
if IS_BEHIND_TLS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SILENCED_SYSTEM_CHECKS = [
    "security.W004",  # HSTS and
    "security.W008",  # the redirect to https are the business of the proxy that ends TLS
]

# --- mail: to tell staff of trouble ----------------------------------------------------------------------
ALERT_EMAILS: list[str] = mail.alert_emails(env)
globals().update(mail.settings_in(env))  # EMAIL_…, DEFAULT_FROM_EMAIL

# --- language, time, static files ------------------------------------------------------------------------
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "lifereview.static_files.StaticFilesStorage"},
}

# --- logging: keys and ids, never what someone said ------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "django.request": {"level": "ERROR"},  # what strangers get wrong is no news
        "django-q": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "httpx2": {"level": "WARNING"},
    },
}

# --- the staff pages (django-unfold) ---------------------------------------------------------------------
UNFOLD = admin_look.UNFOLD
