"""Reads the AWS_… variables under the names of django-storages, and the permanent tier of new clips."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lifereview.env.reader import Environment, refuse
from ttscache.defaults import PERMANENT_TIERS

TEXTS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
PATTERNS = {
    "AWS_STORAGE_BUCKET_NAME": (r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", "the name of a bucket, such as clips"),
    "AWS_S3_REGION_NAME": (r"[A-Za-z0-9-]+", "the name of a region, such as eu-central-1"),
    "AWS_S3_CUSTOM_DOMAIN": (
        r"[A-Za-z0-9.-]+(:\d{1,5})?(/[\w.~/-]*)?",
        "a domain without https://, such as cdn.example.org",
    ),
    "AWS_LOCATION": (r"(?!.*\.\.)[\w.-]+(/[\w.-]+)*/?", "a folder in the bucket, such as life-review"),
}
CHOICES = {
    "AWS_S3_ADDRESSING_STYLE": ("auto", "path", "virtual"),
    "AWS_S3_SIGNATURE_VERSION": ("s3v4", "s3"),
    "AWS_S3_URL_PROTOCOL": ("https:", "http:"),
}
NEEDS_A_BUCKET = ("AWS_S3_ENDPOINT_URL", "AWS_S3_CUSTOM_DOMAIN", "AWS_LOCATION")


def object_storage_settings(env: Environment) -> dict[str, Any]:
    """The AWS_… settings that are set. Empty without a bucket: keys are often set for other purposes."""
    found = {name: env.sendable(name) for name in TEXTS}
    found |= {name: env.matching(name, *rule) for name, rule in PATTERNS.items()}
    found |= {name: env.choice(name, "", allowed) for name, allowed in CHOICES.items()}
    found["AWS_S3_ENDPOINT_URL"] = env.url("AWS_S3_ENDPOINT_URL", schemes=["http", "https"])
    if not found["AWS_STORAGE_BUCKET_NAME"]:
        for name in NEEDS_A_BUCKET:
            if found[name]:
                refuse(
                    "AWS_STORAGE_BUCKET_NAME", "", f"{name} needs {PATTERNS['AWS_STORAGE_BUCKET_NAME'][1]}"
                )
        return {}
    _require_both_keys(found)
    return {name: value for name, value in found.items() if value}


def permanent_tier(env: Environment) -> str:
    """The permanent tier of new clips."""
    permanent = env.choice("TTS_PERMANENT", "database", PERMANENT_TIERS)
    if permanent == "storage" and not env.text("AWS_STORAGE_BUCKET_NAME"):
        refuse(
            "AWS_STORAGE_BUCKET_NAME", "", "TTS_PERMANENT=storage needs the name of a bucket, such as clips"
        )
    return permanent


def cdn_url(env: Environment) -> str:
    """The public address of the bucket's objects, built as django-storages builds it."""
    domain = env.text("AWS_S3_CUSTOM_DOMAIN").rstrip("/")
    location = env.text("AWS_LOCATION").strip("/")
    if not domain:
        return ""
    return f"{env.text('AWS_S3_URL_PROTOCOL', 'https:')}//{domain}/{location and location + '/'}"


def _require_both_keys(found: Mapping[str, str]) -> None:
    """Both or neither: without them, boto3 asks the machine it runs on."""
    key, secret = found["AWS_ACCESS_KEY_ID"], found["AWS_SECRET_ACCESS_KEY"]
    if key and not secret:
        refuse("AWS_SECRET_ACCESS_KEY", "", "AWS_ACCESS_KEY_ID needs the secret that belongs to it")
    if secret and not key:
        refuse("AWS_ACCESS_KEY_ID", "", "AWS_SECRET_ACCESS_KEY needs the key that it belongs to")
