"""Finds variables that look like settings of this site and are none, such as typing errors."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import SequenceMatcher

from lifereview.env.variables import all_variables

# Nobody else uses these prefixes.
_OURS = ("TTS_", "HELP_", "DJANGO_SUPERUSER_", "THROTTLE_", "REFLECTION_", "ALERT_", "TRUSTED_PROX")
# Other programs read variables with these prefixes as well: libraries of provider and bucket, gunicorn.
_SHARED = ("OPENAI_", "AWS_", "WEB_", "EMAIL_", "CSRF_", "CORS_")
_OF_LIBRARIES = {
    "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ORGANIZATION", "OPENAI_LOG", "OPENAI_WEBHOOK_SECRET",
    "OPENAI_ADMIN_KEY", "AWS_CA_BUNDLE", "AWS_CONFIG_FILE", "AWS_DATA_PATH", "AWS_DEFAULTS_MODE",
    "AWS_DEFAULT_OUTPUT", "AWS_DEFAULT_REGION", "AWS_EC2_METADATA_DISABLED", "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3", "AWS_EXECUTION_ENV", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_MAX_ATTEMPTS",
    "AWS_METADATA_SERVICE_NUM_ATTEMPTS", "AWS_METADATA_SERVICE_TIMEOUT", "AWS_PAGER", "AWS_PROFILE",
    "AWS_REGION", "AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION", "AWS_RETRY_MODE",
    "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_SECURITY_TOKEN", "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_STS_REGIONAL_ENDPOINTS", "AWS_USE_DUALSTACK_ENDPOINT", "AWS_USE_FIPS_ENDPOINT",
    "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_DEFAULT_PROFILE", "AWS_ACCOUNT_ID", "WEB_CONCURRENCY",
}  # fmt: skip
_ALMOST_EQUAL = 0.85  # of SequenceMatcher.ratio(): one letter wrong, missing or too many in six
_SIMILAR = 0.6
_LEAST_LETTERS = 8  # shorter names, such as POST or SHOST, resemble PORT and HOST by chance


def unknown_variables(names: Iterable[str]) -> dict[str, str]:
    """The variables that this site does not read and probably should, each with the nearest known one, or "".

    A name counts when it begins like ours, or when it almost equals one of ours.
    """
    known = {variable.name for variable in all_variables()}
    found = {}
    for name in sorted(set(names) - known - _OF_LIBRARIES):
        # SequenceMatcher compares letters as they are, and a variable in small letters is not read either.
        nearest, ratio = _nearest(name.upper(), known)
        is_like_ours = name.upper().startswith((*_OURS, *_SHARED))
        if is_like_ours or (ratio >= _ALMOST_EQUAL and len(name) >= _LEAST_LETTERS):
            found[name] = nearest if ratio >= _SIMILAR else ""
    return found


def warning_about(unknown: dict[str, str]) -> str:
    """One line that names them all, without their values; "" without any."""
    if not unknown:
        return ""
    named = ", ".join(
        f"{name} (did you mean {nearest}?)" if nearest else name for name, nearest in unknown.items()
    )
    return f"These variables are unknown and change nothing: {named}."


def _nearest(name: str, known: Collection[str]) -> tuple[str, float]:
    ratios = ((each, SequenceMatcher(None, name, each).ratio()) for each in sorted(known))
    return max(ratios, key=lambda pair: pair[1])
