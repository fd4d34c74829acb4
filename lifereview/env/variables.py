"""Every environment variable and what it is for. docs/configuration.md is made from this table.

The default and the allowed values come from the code that reads the variable (`Environment.rules`), so they
are written down once. To add a variable, read it in settings.py or in a module of this package, add a
`Variable` here and run `python manage.py configuration > docs/configuration.md`. A test fails while the row
or the page is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lifereview.env.reader import VariableRule

INTRODUCTION = """\
# Configuration

Set these variables in the environment, or in a file named `.env` beside `manage.py`. The environment comes
first. An empty value means the default. A wrong value stops the start with one line that names the variable,
the value and what is allowed. They are read when a process starts, so restart the site after a change.

`python manage.py configuration` prints this page. `python` is `.venv/bin/python`, in the project's folder.
"""


@dataclass(frozen=True, slots=True)
class Variable:
    """One row. `default` and `allowed` replace the words of the reader, where those depend on the machine or
    on other variables."""

    name: str
    meaning: str
    default: str = ""
    allowed: str = ""


SECTIONS: dict[str, tuple[Variable, ...]] = {
    "The web server": (
        Variable(
            "HOST",
            "The address on which the web server listens. `0.0.0.0` listens on all IPv4 addresses of the "
            "machine ([a tablet in the next room](operating.md#a-tablet-in-the-next-room)), `::` also on all "
            "IPv6 ones. `unix:` and the path of a socket file lets only a proxy on this machine in.",
            allowed="an address of this machine, or such as `unix:/run/lifereview/site.sock`",
        ),
        Variable(
            "PORT",
            "The port on which the web server listens.",
        ),
        Variable(
            "WEB_WORKERS",
            "Web processes.",
        ),
        Variable(
            "WEB_THREADS",
            "Threads in each web process. At most three quarters of them wait for a clip that is being "
            "made; the next such request gets 503 `busy` with `Retry-After`. The rest stay free for clips "
            "that are there.",
        ),
        Variable(
            "VAR_DIR",
            "The folder of everything that this site writes by itself: the SQLite database, local clips, "
            "the secret key, static files.",
            default="`var` beside `manage.py`",
        ),
        Variable(
            "SCRIPT_NAME",
            "The path below which a proxy serves this site. The proxy may pass the path on or cut it off.",
        ),
        Variable(
            "COMMIT",
            "The commit that `/api/health` and `manage.py doctor` name. A file named `COMMIT` beside "
            "`manage.py`, as the container has it, says it as well.",
            default="that file, else the checkout's own",
        ),
        Variable(
            "LOG_FORMAT",
            "How a line of the log is written: for people, or as JSON ([its keys](operating.md#logs)).",
        ),
        Variable(
            "DEMO_DATA",
            "The figures of this site are made up, and its staff pages say so. `python -m harness.demo_site` "
            "sets it for a site of its own; made-up figures are added nowhere else.",
        ),
        Variable(
            "DEBUG",
            "Django's debug mode. Never needed to run; it shows the details of errors to callers.",
        ),
    ),
    "Who may call": (
        Variable(
            "ALLOWED_HOSTS",
            "The names by which callers reach this site, with commas between them.",
            default="this machine's names; where `HOST` is no loopback address, also its private addresses",
        ),
        Variable(
            "SECRET_KEY",
            "Signs sessions. Required as soon as `ALLOWED_HOSTS` goes beyond this machine. All hosts of a "
            "site share one.",
            default="made once, kept in `VAR_DIR`",
            allowed="at least 32 random characters on a public host",
        ),
        Variable(
            "STAFF_TWO_FACTOR",
            "Staff also type a code from an app on their phone when they sign in. Each sets it up at the "
            "next sign-in. `python manage.py forget_second_factor NAME` helps who has lost the phone.",
        ),
        Variable(
            "CSRF_TRUSTED_ORIGINS",
            "The origins of this site itself. As soon as one begins with `https://`, cookies are sent over "
            "HTTPS alone.",
        ),
        Variable(
            "TRUSTED_PROXIES",
            "The proxies in front of this site: addresses and networks whose `X-Forwarded-For`, `-Proto`, "
            "`-Host` and `-Port` and `X-Request-Id` count ([how](growing.md#proxies)).",
            default="this machine (`127.0.0.0/8,::1`)",
        ),
        Variable(
            "CORS_ALLOWED_ORIGINS",
            "The origins of other front ends that may call the API.",
        ),
        Variable(
            "TTS_ALLOW_ANONYMOUS_TEXT",
            "Whether anyone may have any text spoken and read `/api/cache-stats`. Otherwise both need a "
            "token.",
        ),
        Variable(
            "THROTTLE_RATES",
            "How often one caller may do what costs money or work, where it differs from the defaults "
            "([all](reflections.md#throttles)).",
            default="`reflection_address=300/min`, `reflection_session=20/min`, …",
            allowed="a list such as `reflection_address=600/min`",
        ),
    ),
    "Database": (
        Variable(
            "DATABASE_URL",
            "The database: `postgres://user:password@host:port/name`, Supabase included.",
            default="SQLite in `VAR_DIR`",
        ),
        Variable(
            "REDIS_URL",
            "Django's cache, which counts requests for throttling, shared by several hosts.",
            default="the database",
        ),
    ),
    "The voice": (
        Variable(
            "OPENAI_API_KEY",
            "The key of the provider. Unset: the embedded voice speaks. A server of your own that "
            "needs no key still needs this to be set.",
            allowed="the provider's key",
        ),
        Variable(
            "OPENAI_BASE_URL",
            "The address of another service that speaks OpenAI's protocol.",
            default="OpenAI's own",
        ),
        Variable(
            "TTS_PROVIDER",
            "Who speaks.",
            default="`openai` with a key, else `embedded`",
        ),
        Variable(
            "TTS_MODEL",
            "The speech model. `gpt-realtime…` speaks through the Realtime API of the same base URL. A "
            "site that first speaks from 6 January 2027 on takes `gpt-realtime-2.1-mini` by itself. "
            "Neither a date nor an upgrade changes the choice of an existing site. The embedded voice "
            "ignores it.",
            default="`tts-1-hd`",
            allowed="a model of the service",
        ),
        Variable(
            "TTS_FORMAT",
            "The format of new clips.",
        ),
        Variable(
            "TTS_LISTENER_VOICES",
            "The voices that listeners choose from. The first one is the default.",
        ),
        Variable(
            "TTS_VOICES",
            "Which of the service's voices plays each listener voice. After a change of service, model, "
            "format or voice, listeners keep the old sound until all of the new one is there "
            "([voices](voices.md)).",
            default="the same names; Realtime models: `nova=marin,onyx=cedar`",
        ),
        Variable(
            "TTS_FALLBACK",
            "`embedded`: the embedded voice speaks free text while the service is down or its model is "
            "retired ([details](voices.md#the-embedded-voice-as-a-stand-in)).",
        ),
        Variable(
            "TTS_MODEL_SHUTDOWN",
            "The day a model is switched off. It takes precedence over what the service says.",
            default="the service's list, else OpenAI's announcements",
        ),
        Variable(
            "TTS_TIMEOUT_SECONDS",
            "How long one call may take, plus 1 s for each 100 characters. The first byte must come "
            "within 10 s.",
        ),
        Variable(
            "TTS_MAX_CHARS",
            "The longest text of one request, in characters.",
        ),
        Variable(
            "REFLECTION_MODEL",
            "The chat model of the reflections, at the provider's address. Without a key the reflection bank "
            "answers ([how](reflections.md)).",
            default="`gpt-6-luna`",
        ),
    ),
    "Where clips are kept": (
        Variable(
            "TTS_MEMORY_BYTES",
            "Room for clips in the memory of each web process.",
        ),
        Variable(
            "TTS_FILES_BYTES",
            "Room for clips in the files of each host.",
        ),
        Variable(
            "TTS_FILES_DIR",
            "The folder of these files.",
            default="`VAR_DIR/tts_cache`",
        ),
        Variable(
            "NGINX_CLIPS_DIR",
            "A folder, on the disk of `TTS_FILES_DIR`, in which nginx on this machine finds links to the "
            "published clips, and so answers them by itself ([how](growing.md#clips-straight-from-nginx)).",
        ),
        Variable(
            "NGINX_PRIVATE_CLIPS",
            "Whether nginx also sends the bytes of other clips, once this site has checked who asks "
            "(`X-Accel-Redirect`). Needs `NGINX_CLIPS_DIR`, closed to other users.",
        ),
        Variable(
            "NGINX_CLIPS_LOG",
            "The log in which nginx writes the clips that it answered by itself. They are counted every "
            "minute ([how](growing.md#counting-what-nginx-or-a-cdn-answered)).",
        ),
        Variable(
            "TTS_PERMANENT",
            "Where new clips are kept for all hosts: in the database, or in a bucket (`storage`). Clips "
            "are found in both ([object storage](object-storage.md)).",
        ),
        Variable(
            "TTS_COMPRESSION",
            "How clips are compressed in the database and in the bucket. `auto` uses gzip where it saves "
            "10% or more.",
        ),
        Variable(
            "TTS_STALE_DAYS",
            "How many days a clip is kept that nobody asks for and no text holds.",
        ),
        Variable(
            "TTS_STORAGE_LIMIT_BYTES",
            "The room for clips in the database and the bucket. The dashboard says how long it will last, "
            "and staff are alerted at 90%. Unset: they are alerted when the disk of this host is full to "
            "90%.",
        ),
    ),
    "Object storage": (
        Variable(
            "AWS_STORAGE_BUCKET_NAME",
            "The bucket. The keys do nothing without it; the address, the folder and the CDN are refused "
            "without it.",
        ),
        Variable(
            "AWS_ACCESS_KEY_ID",
            "The key of the bucket.",
            default="the machine's own",
            allowed="an S3 key",
        ),
        Variable(
            "AWS_SECRET_ACCESS_KEY",
            "The secret of that key.",
            allowed="its secret",
        ),
        Variable(
            "AWS_SESSION_TOKEN",
            "The token of a temporary key.",
            allowed="the token that came with the key",
        ),
        Variable(
            "AWS_S3_REGION_NAME",
            "The region of the bucket.",
        ),
        Variable(
            "AWS_S3_ENDPOINT_URL",
            "The address of a service other than AWS.",
            default="AWS",
        ),
        Variable(
            "AWS_S3_ADDRESSING_STYLE",
            "Whether the bucket is named in the path or in the host name.",
        ),
        Variable(
            "AWS_S3_SIGNATURE_VERSION",
            "How requests are signed.",
        ),
        Variable(
            "AWS_LOCATION",
            "A folder in the bucket. Two databases on one bucket need two.",
        ),
        Variable(
            "AWS_S3_CUSTOM_DOMAIN",
            "The CDN in front of the bucket. Published clips have their addresses there.",
        ),
        Variable(
            "AWS_S3_URL_PROTOCOL",
            "The protocol of the CDN.",
            default="`https:`",
        ),
    ),
    "Clips made ahead, and money": (
        Variable(
            "TTS_WARM_CONCURRENCY",
            "How many calls are made at once for clips made ahead, over all hosts.",
        ),
        Variable(
            "TTS_PREDICT_AHEAD",
            "How many questions are made ahead of the one that a listener asks for. 0 switches it off.",
        ),
        Variable(
            "TTS_DAILY_BUDGET_USD",
            "A hard cap on what calls may cost in a day (UTC), over all hosts, in US dollars.",
            default="no cap",
        ),
        Variable(
            "TTS_PRICES",
            "Prices that differ from OpenAI's list, in US dollars: `my-model=12.5` for a million "
            "characters, `mine=0.0003/s` for a second of sound.",
            default="`tts-1=15,tts-1-hd=30,gpt-4o-mini-tts=0.00025/s`; `gpt-realtime-2.1-mini` by its "
            "tokens, about 0.025 for a minute; `gpt-6-luna` by its tokens, 0.10 and 0.50 for a million in "
            "and out",
            allowed="a list such as `my-model=12.5,mine=0.0003/s`",
        ),
        Variable(
            "TTS_ASK_ABOVE_USD",
            "*Save and make audio* goes ahead at the price on its button up to this many US dollars. "
            "Above it, a page asks first.",
        ),
        Variable(
            "TTS_HIT_RATE_TARGETS",
            "How many percent of the clips asked for should be there at once, by kind.",
            default="`narrative=99.9,question=95,analysis=60`",
        ),
    ),
    "Mail and alerts": (
        Variable(
            "ALERT_EMAILS",
            "Who is mailed when something is wrong, with commas between them.",
            default="nobody; alerts go to the log and the Alerts page",
        ),
        Variable(
            "EMAIL_URL",
            "The mail server: `smtp://`, `smtp+starttls://` or `smtps://user:password@host:port`.",
            default="this machine's",
        ),
        Variable(
            "EMAIL_FROM",
            "The sender.",
            default="`lifereview@` this host",
        ),
    ),
    "Listeners": (
        Variable(
            "HELP_LINE_NAME",
            "Who answers there, such as `Samaritans`. Shown in a hard moment, never spoken.",
            allowed="a name",
        ),
        Variable(
            "HELP_LINE_NUMBER",
            "The number of the help line, free of charge, day and night. Shown, never spoken."
            " It may say more, such as `Lifeline 13 11 14, text 0477 13 11 14`: pressing it calls the first"
            " number that is not for texts.",
        ),
        Variable("EMERGENCY_NUMBER", "The emergency number of your country. Shown, never spoken."),
        Variable(
            "LOCAL_CONTACT",
            "A person or a desk nearby whom listeners can turn to. Shown, never spoken.",
            allowed="one line of text",
        ),
        Variable(
            "HELP_LINE",
            "The older setting: one line of any words, such as `988 in the US`. Still read.",
            allowed="one line of text",
        ),
        Variable(
            "HELP_AFTER_HEAVY",
            "Whether the reply to a heavy answer shows the help line. After an urgent one it always shows.",
        ),
    ),
    "The first staff user": (
        Variable(
            "DJANGO_SUPERUSER_USERNAME",
            "Their name.",
            allowed="a user name",
        ),
        Variable(
            "DJANGO_SUPERUSER_PASSWORD",
            "Their password. `make run` prints the one that it makes up, once.",
            default="made up",
            allowed="any text",
        ),
        Variable(
            "DJANGO_SUPERUSER_EMAIL",
            "Their address.",
            allowed="an address",
        ),
    ),
}


def all_variables() -> list[Variable]:
    return [variable for rows in SECTIONS.values() for variable in rows]


def configuration_page(rules: Mapping[str, VariableRule]) -> str:
    """The text of docs/configuration.md, in Markdown. `rules`: of every variable that the settings read."""
    return "\n".join([INTRODUCTION, *_sections(rules)])


def _sections(rules: Mapping[str, VariableRule]) -> Iterator[str]:
    for title, rows in SECTIONS.items():
        yield f"## {title}\n"
        yield "| variable | default | allowed | meaning |\n|---|---|---|---|"
        for row in rows:
            rule = rules[row.name]
            default = row.default or (f"`{rule.default}`" if rule.default else "unset")
            yield f"| `{row.name}` | {default} | {row.allowed or rule.allowed} | {row.meaning} |"
        yield ""
