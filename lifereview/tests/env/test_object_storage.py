"""Environment variables for object storage: wrong or incomplete ones stop the start."""

from __future__ import annotations

import pytest

from lifereview.env.object_storage import cdn_url, object_storage_settings, permanent_tier
from lifereview.env.reader import Environment

pytestmark = pytest.mark.any_database

BUCKET = {"AWS_STORAGE_BUCKET_NAME": "clips"}


def refusal(variables: dict[str, str]) -> str:
    with pytest.raises(SystemExit) as stopped:
        permanent_tier(Environment(variables))
        object_storage_settings(Environment(variables))
    return str(stopped.value)


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("TTS_PERMANENT", "bucket", "database, storage"),
        ("AWS_STORAGE_BUCKET_NAME", "my clips", "the name of a bucket"),
        ("AWS_S3_ENDPOINT_URL", "localhost:9000", "http://"),
        ("AWS_S3_CUSTOM_DOMAIN", "https://cdn.example.org", "without https://"),
        ("AWS_S3_REGION_NAME", "Frankfurt am Main", "eu-central-1"),
        ("AWS_S3_ADDRESSING_STYLE", "paths", "auto, path, virtual"),
        ("AWS_S3_SIGNATURE_VERSION", "v4", "s3v4, s3"),
        ("AWS_S3_URL_PROTOCOL", "https", "https:, http:"),
        ("AWS_LOCATION", "../others", "a folder in the bucket"),
    ],
)
def test_a_wrong_storage_setting_is_refused(variable: str, value: str, allowed: str) -> None:
    line = refusal(BUCKET | {variable: value})
    assert line.startswith(f"{variable}={value!r} cannot be used: ")
    assert allowed in line


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"TTS_PERMANENT": "storage"}, "AWS_STORAGE_BUCKET_NAME"),
        ({"AWS_S3_ENDPOINT_URL": "http://localhost:9000"}, "AWS_STORAGE_BUCKET_NAME"),
        ({"AWS_S3_CUSTOM_DOMAIN": "cdn.example.org"}, "AWS_STORAGE_BUCKET_NAME"),
        (BUCKET | {"AWS_ACCESS_KEY_ID": "ours"}, "AWS_SECRET_ACCESS_KEY"),
        (BUCKET | {"AWS_SECRET_ACCESS_KEY": "hush"}, "AWS_ACCESS_KEY_ID"),
    ],
)
def test_incomplete_storage_settings_are_refused(given: dict[str, str], missing: str) -> None:
    line = refusal(given)
    assert line.startswith(f"{missing}=''")
    assert "hush" not in line


def test_aws_keys_without_a_bucket_are_ignored() -> None:
    assert (
        object_storage_settings(Environment({"AWS_ACCESS_KEY_ID": "ours", "AWS_SECRET_ACCESS_KEY": "hush"}))
        == {}
    )


def test_storage_settings_reach_django_storages() -> None:
    given = BUCKET | {"AWS_S3_ENDPOINT_URL": "https://s3.example.org", "AWS_S3_ADDRESSING_STYLE": "path"}
    assert object_storage_settings(Environment(given | {"AWS_S3_REGION_NAME": ""})) == given


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, ""),
        ({"AWS_S3_CUSTOM_DOMAIN": "cdn.example.org"}, "https://cdn.example.org/"),
        (
            {
                "AWS_S3_CUSTOM_DOMAIN": "localhost:9000/clips",
                "AWS_S3_URL_PROTOCOL": "http:",
                "AWS_LOCATION": "a/b",
            },
            "http://localhost:9000/clips/a/b/",
        ),
    ],
)
def test_a_custom_domain_is_the_cdn_of_the_objects(given: dict[str, str], url: str) -> None:
    assert cdn_url(Environment(BUCKET | given)) == url
