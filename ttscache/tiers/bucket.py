"""Bucket: named bytes in object storage (S3, Supabase Storage …), through django-storages and its settings.

Django's storage API makes three requests for each file; this makes one, with the client that django-storages
has set up. A store that is down is noticed once, and then left alone for PAUSE_SECONDS.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from storages.backends.s3 import S3Storage

from ttscache.errors import TierError

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 2
READ_SECONDS = 5
ATTEMPTS = 2
PAUSE_SECONDS = 5.0  # how long a store that failed is not asked again
CHECK_SECONDS = 5.0  # how long an answer about its health holds
MISSING = ("NoSuchKey", "404")  # not NoSuchBucket: a wrong setting is no reason to forget every clip


@dataclass(frozen=True, slots=True)
class StoredObject:
    name: str
    size: int
    written_at: datetime


class Bucket:
    """One bucket, reached as the AWS_… settings say. Safe to use from many threads. Raises TierError."""

    def __init__(self, name: str, *, now: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self._now = now
        self._lock = threading.Lock()
        self._made: Any = None
        self._down_until = 0.0
        self._healthy_until = 0.0

    def put(self, name: str, content: bytes, headers: Mapping[str, str]) -> None:
        """`headers`: ContentType and CacheControl, as S3 names them."""
        with self._asking() as client:
            client.put_object(Bucket=self.name, Key=self._key(name), Body=content, **headers)

    def get(self, name: str) -> bytes | None:
        """The bytes as they are kept; None where there is no such object."""
        with self._asking() as client:
            try:
                body: bytes = client.get_object(Bucket=self.name, Key=self._key(name))["Body"].read()
            except ClientError as error:
                if _code(error) in MISSING:
                    return None
                raise
            return body

    def has(self, name: str) -> bool:
        """Whether there is such an object; its bytes are not fetched.

        False also where the bucket itself is missing: the answer to a HEAD request does not say which.
        """
        with self._asking() as client:
            try:
                client.head_object(Bucket=self.name, Key=self._key(name))
            except ClientError as error:
                if _code(error) in MISSING:
                    return False
                raise
            return True

    def copy(self, old: str, new: str, headers: Mapping[str, str]) -> bool:
        """Within the bucket, without a detour through us. False where there is nothing to copy."""
        source = {"Bucket": self.name, "Key": self._key(old)}
        with self._asking() as client:
            try:
                target = {"Bucket": self.name, "Key": self._key(new)}
                client.copy_object(CopySource=source, **target, MetadataDirective="REPLACE", **headers)
            except ClientError as error:
                if _code(error) in MISSING:
                    return False
                raise
            return True

    def delete(self, name: str) -> None:
        """Silent where there is no such object."""
        with self._asking() as client:
            client.delete_object(Bucket=self.name, Key=self._key(name))

    def pages(self) -> Iterator[list[StoredObject]]:
        """All objects, up to a thousand at a time."""
        prefix = self._key("")
        token: dict[str, str] = {}
        while True:
            with self._asking() as client:
                page = client.list_objects_v2(Bucket=self.name, Prefix=prefix, **token)
            yield [
                StoredObject(item["Key"].removeprefix(prefix), item["Size"], item["LastModified"])
                for item in page.get("Contents", [])
            ]
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def check(self) -> None:
        """Whether it can be used; asked again only after a few seconds."""
        if self._now() < self._healthy_until:
            return
        with self._asking() as client:
            client.head_bucket(Bucket=self.name)
        self._healthy_until = self._now() + CHECK_SECONDS

    def check_not_down(self) -> None:
        """Raises TierError while it is known to be down; asks nobody."""
        if self._now() < self._down_until:
            raise TierError("The object storage did not answer a moment ago.")

    @contextmanager
    def _asking(self) -> Iterator[Any]:
        self._take_turn()
        try:
            yield self._client()
        except ClientError as error:
            code = _code(error)
            if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                self._pause()
            raise TierError(f"The object storage refuses ({code}).") from error
        except (BotoCoreError, OSError) as error:
            self._pause()
            raise TierError(f"The object storage cannot be reached ({type(error).__name__}).") from error
        self._down_until = 0.0

    def _take_turn(self) -> None:
        """After a failure, one caller tries it; the others go on without it meanwhile."""
        with self._lock:
            self.check_not_down()
            if self._down_until:
                self._down_until = self._now() + PAUSE_SECONDS

    def _pause(self) -> None:
        self._down_until = self._now() + PAUSE_SECONDS
        self._healthy_until = 0.0

    def _client(self) -> Any:
        """One for all threads: boto3's clients are thread-safe, its resources are not."""
        with self._lock:
            if self._made is None:
                # Signed requests, to the store itself: behind a custom domain there is no signature.
                # Listeners get conf().cdn_url and the name.
                storage = S3Storage(bucket_name=self.name, custom_domain=None, client_config=_quick())
                self._made = storage.connection.meta.client
            return self._made

    @staticmethod
    def _key(name: str) -> str:
        location = str(getattr(settings, "AWS_LOCATION", "") or "").strip("/")
        return f"{location}/{name}" if location else name


def _quick() -> Config:
    """With a config of our own, django-storages leaves these two settings to us."""
    return Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
        max_pool_connections=50,
        s3={"addressing_style": getattr(settings, "AWS_S3_ADDRESSING_STYLE", None)},
        signature_version=getattr(settings, "AWS_S3_SIGNATURE_VERSION", None),
        # Not every S3-compatible server takes checksums in trailers; ours is the SHA-256 in the record.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
