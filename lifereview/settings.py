"""Environment -> settings. A bare clone runs on SQLite with the embedded voice.

docs/configuration.md lists every variable. A new one also needs a row in env/variables.py.
"""

from __future__ import annotations

import os
import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

from corsheaders.defaults import default_headers
from django.conf.global_settings import PASSWORD_HASHERS as DEFAULT_HASHERS

from lifereview import admin_theme
from lifereview.env.addresses import as_host, is_loopback, private_addresses
from lifereview.env.commit import commit
from lifereview.env.databases import caches, databases
from lifereview.env.env_file import env_file_values
from lifereview.env.mail import alert_emails, mail_settings
from lifereview.env.object_storage import object_storage_settings
from lifereview.env.proxies import trusted_proxies
from lifereview.env.reader import TELEPHONE_NUMBER, Environment
from lifereview.env.secret_key import secret_key
from lifereview.env.speech import ttscache_settings
from lifereview.env.throttles import throttle_rates

BASE_DIR = Path(__file__).resolve().parent.parent
# The environment wins over the .env file.
env = Environment({**env_file_values(BASE_DIR / ".env"), **os.environ})

# --- the web server (read by gunicorn.conf.py) -----------------------------------------------------------
HOST = env.text("HOST", "127.0.0.1").strip("[]")  # an IPv6 address is also taken as URLs have it
PORT = env.integer("PORT", 8000, least=1, most=65535)
WEB_WORKERS = env.integer("WEB_WORKERS", 2, least=1, most=64)
WEB_THREADS = env.integer("WEB_THREADS", 64, least=4, most=1024)

# --- what the embedded default writes --------------------------------------------------------------------
VAR_DIR = env.writable_folder("VAR_DIR", BASE_DIR / "var", mode=0o700)
TEMPORARY_DIR = VAR_DIR / "tmp"  # made and used by use_own_temporary_folder()
# Set by `serve` while nothing can be written: listeners hear what was made before.
ONLY_PLAYS = os.environ.get("LIFEREVIEW_ONLY_PLAYS") == "1"
DEBUG = env.flag("DEBUG", False)
VERSION = "0.1.0"  # keep equal to pyproject.toml, which may be missing where this runs
COMMIT = commit(env, BASE_DIR)

# --- who may call ----------------------------------------------------------------------------------------
_NAME = socket.gethostname().lower()
THIS_MACHINE = list(dict.fromkeys(["localhost", "127.0.0.1", "[::1]", _NAME]))
# Devices in the same room reach this machine by its private addresses, or by its name in their network.
OTHER_DEVICES_MAY_CALL = not is_loopback(HOST)
if OTHER_DEVICES_MAY_CALL:
    THIS_MACHINE += [f"{_NAME}.local", *map(as_host, private_addresses())]
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
TRUSTED_PROXIES = trusted_proxies(env)  # read by lifereview.middleware.trusted_proxies and gunicorn.conf.py

SECRET_KEY = secret_key(env, VAR_DIR, ALLOWED_HOSTS, THIS_MACHINE)

# --- applications ----------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "lifereview",  # before django_q and staticfiles, because it replaces their qcluster and collectstatic
    "django_q",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "axes",
    "ttscache",
    "narratives",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "lifereview.static_files.StaticFiles",
    "lifereview.middleware.http_rules.bodiless_head",
    "lifereview.middleware.http_rules.content_security_policy",
    # Only with other origins: it makes every response vary by Origin, which caches dislike.
    *(["corsheaders.middleware.CorsMiddleware"] if CORS_ALLOWED_ORIGINS else []),
    "lifereview.middleware.unusable_addresses.refuse_unusable_addresses",
    # After CORS, because its responses need the CORS headers; before sessions, so that a hit runs no query.
    "ttscache.delivery.middleware.published_clips_middleware",
    *(["lifereview.middleware.http_rules.refuse_changes"] if ONLY_PLAYS else []),
    "lifereview.middleware.host_checks.HostChecks",
    "ttscache.api.known_texts.known_texts_middleware",  # before sessions, as the clips above
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "lifereview.accounts.second_factor.second_factor_middleware",
    "lifereview.accounts.staff_time.staff_time_zone",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "lifereview.accounts.sign_in.remember_browser",
    "axes.middleware.AxesMiddleware",
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
DATABASES = databases(
    env,
    VAR_DIR,
    is_web_process=os.environ.get("LIFEREVIEW_PROCESS") == "web",
    only_plays=ONLY_PLAYS,
)
CACHES = caches(env)

# --- speech ----------------------------------------------------------------------------------------------
TTSCACHE = {**ttscache_settings(env, VAR_DIR, WEB_THREADS), "only_plays": ONLY_PLAYS}
globals().update(object_storage_settings(env))  # AWS_…, which django-storages reads from the settings

# --- background tasks ------------------------------------------------------------------------------------
# A task takes clips for 45 s. Its last one may be the longest possible clip, tried three times.
LONGEST_TASK_SECONDS = 60 + 3 * round(TTSCACHE["timeout_seconds"] + TTSCACHE["max_chars"] / 100)
Q_CLUSTER = {
    "name": "lifereview",
    "orm": "default",
    "workers": 2,
    "queue_limit": 2,  # a task's lock runs from the moment it is fetched, so fetch few
    "bulk": 1,
    "timeout": LONGEST_TASK_SECONDS,
    "retry": LONGEST_TASK_SECONDS + 300,  # our own housekeeping resumes interrupted work much sooner
    "max_attempts": 3,
    "save_limit": 0,
    "poll": 0.1,
    "catch_up": False,  # schedules that were missed while no cluster ran are not made up for
    "label": "Operation",  # as in the menu of the staff pages
}

# --- listeners -------------------------------------------------------------------------------------------
# Whom to call in a hard moment; shown, never spoken. HELP_LINE is the older setting, one line of any words.
HELP_LINE_NAME = env.text("HELP_LINE_NAME")
HELP_LINE_NUMBER = env.matching("HELP_LINE_NUMBER", **TELEPHONE_NUMBER)
EMERGENCY_NUMBER = env.matching("EMERGENCY_NUMBER", **TELEPHONE_NUMBER)
LOCAL_CONTACT = env.text("LOCAL_CONTACT")
HELP_LINE = env.text("HELP_LINE")
HELP_AFTER_HEAVY = env.flag("HELP_AFTER_HEAVY", default=True)  # after an urgent answer help always shows

FORCE_SCRIPT_NAME = env.matching("SCRIPT_NAME", r"(/[\w.~-]+)+", "a path, such as /life-review") or None

# --- HTTP API --------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "ttscache.api.authentication.ApiTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["ttscache.api.parsers.JsonBodyParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "ttscache.api.errors.answer_error",
    "DEFAULT_THROTTLE_RATES": throttle_rates(env),
    "NUM_PROXIES": 0,  # REMOTE_ADDR: lifereview.middleware.trusted_proxies has put the caller's address there
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Life Review",
    "DESCRIPTION": "A guided life story, spoken aloud, without waiting.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVERS": [{"url": FORCE_SCRIPT_NAME}] if FORCE_SCRIPT_NAME else [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "lifereview.api.api_description.complete",
    ],
}
CORS_URLS_REGEX = r"^/(api|v1)/.*$"
# A player asks for parts of a clip with headers of its own, and so may ask beforehand whether it may.
# The official OpenAI client says in headers of its own on what it runs.
OPENAI_CLIENT_HEADERS = (
    *("arch", "async", "helper-method", "lang", "os", "package-version", "poll-helper", "raw-response"),
    *("read-timeout", "retry-count", "runtime", "runtime-version", "timeout"),
)
CORS_ALLOW_HEADERS = [
    *default_headers,
    *("cache-control", "if-match", "if-none-match", "if-range", "range"),
    *("idempotency-key", "openai-beta", "openai-organization", "openai-project"),
    *(f"x-stainless-{name}" for name in OPENAI_CLIENT_HEADERS),
]
CORS_EXPOSE_HEADERS = [
    *("Accept-Ranges", "Cache-Status", "Content-Range", "ETag", "Retry-After"),
    *("X-Request-Id", "x-should-retry"),
]

# --- signing in, security --------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = [
    "lifereview.accounts.sign_in.LimitedSignIn",
    "django.contrib.auth.backends.ModelBackend",
]
PASSWORD_HASHERS = ["lifereview.accounts.password_hashing.PBKDF2InTurn", *DEFAULT_HASHERS[1:]]
# django-axes counts failed sign-ins in the database, for all processes and hosts.
AXES_FAILURE_LIMIT = 20
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # otherwise more guesses would lock staff out for ever
AXES_LOCKOUT_PARAMETERS = "lifereview.accounts.sign_in.counted_together"
AXES_CLIENT_IP_CALLABLE = "lifereview.accounts.sign_in.caller_address"
AXES_LOCKOUT_CALLABLE = "lifereview.accounts.sign_in.refused_page"
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "csrfmiddlewaretoken"]
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False  # its lists hold what strangers have typed
AXES_VERBOSE = False
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
OTP_TOTP_ISSUER = "Life Review"  # the name under which an app lists the codes
STAFF_TWO_FACTOR = env.flag("STAFF_TWO_FACTOR", default=False)
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"  # after opening the login page directly
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_BEHIND_TLS
# Only the header of one of TRUSTED_PROXIES gets this far.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SILENCED_SYSTEM_CHECKS = [
    "security.W004",  # HSTS and
    "security.W008",  # the redirect to https are the task of the proxy that ends TLS
]

# --- mail: to tell staff of trouble ----------------------------------------------------------------------
ALERT_EMAILS: list[str] = alert_emails(env)
IS_MAIL_SET_UP = bool(env.text("EMAIL_URL"))  # else people are told to ask an administrator
globals().update(mail_settings(env))  # EMAIL_…, DEFAULT_FROM_EMAIL

# --- language, time, static files ------------------------------------------------------------------------
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = ["lifereview.formats"]
USE_I18N = True
USE_TZ = True
STATIC_URL = f"{FORCE_SCRIPT_NAME or ''}/static/"
STATIC_ROOT = VAR_DIR / "static"
FILE_UPLOAD_PERMISSIONS = 0o600  # Django would open the collected files to everybody on this machine
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "lifereview.static_files.StaticFilesStorage"},
}

# --- logging: keys and ids, never what someone said ------------------------------------------------------
LOG_FORMAT = env.choice("LOG_FORMAT", "line", ("line", "json"))
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "no_traceback": {"()": "lifereview.logs.log_filters.RefusalWithoutTraceback"},
        "no_quotation": {"()": "lifereview.logs.log_filters.RefusalWithoutQuotation"},
    },
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"},
        "json": {"()": "lifereview.logs.log_format.JsonLines"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": LOG_FORMAT,
            "filters": ["no_traceback", "no_quotation"],
        }
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "django.request": {"level": "ERROR"},  # wrong requests of strangers are not worth a line
        "django-q": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "gunicorn.error": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "axes": {"level": "ERROR"},  # lifereview.accounts.sign_in writes one line for each sign-in
        "httpx2": {"level": "WARNING"},
    },
}

# --- the staff pages (django-unfold) ---------------------------------------------------------------------
UNFOLD = admin_theme.UNFOLD
