"""The fewest settings with which the staff pages of ttscache work."""

from __future__ import annotations

from django.templatetags.static import static

SECRET_KEY = "of a project that lasts for one test"
DEBUG = True  # shows an error instead of an error page, which would need templates
ALLOWED_HOSTS = ["testserver"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "django_q",
    "ttscache",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
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
ROOT_URLCONF = "harness.without_narratives.urls"
STATIC_URL = "/static/"
ALERT_EMAILS: list[str] = []
Q_CLUSTER = {"name": "ttscache", "orm": "default", "timeout": 60, "retry": 120}
REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}
TTSCACHE: dict[str, object] = {}
UNFOLD = {
    "DASHBOARD_CALLBACK": "ttscache.admin.dashboard.page.dashboard_callback",
    "STYLES": [
        lambda request: static("ttscache/staff.css"),
        lambda request: static("ttscache/dashboard.css"),
    ],
    "SCRIPTS": [lambda request: static("ttscache/staff.js")],
}
