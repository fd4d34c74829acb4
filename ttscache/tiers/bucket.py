"""Bucket: stores bytes under names in object storage (S3, Supabase Storage …).

It uses the settings and the client of django-storages, but not Django's storage API, which makes three
requests for each file instead of one. After a failure the store is left alone for PAUSE_SECONDS.
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
PAUSE_SECONDS = 5.0  # for this long a failed store is not asked again
CHECK_SECONDS = 5.0  # for this long a good health check holds
MISSING = ("NoSuchKey", "404")  # not NoSuchBucket: a wrong setting must not make every clip look lost


@dataclass(frozen=True, slots=True)
class StoredObject:
    name: str
    size: int
    written_at: datetime


class Bucket:
    """One bucket, configured by the AWS_… settings. Thread-safe. Every method raises TierError."""

    def __init__(self, name: str, *, now: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self._now = now
        self._lock = threading.Lock()
        self._made: Any = None
        self._down_until = 0.0
        self._healthy_until = 0.0

    def put(self, name: str, content: bytes, headers: Mapping[str, str]) -> None:
        """Store an object. `headers` are ContentType and CacheControl, as boto3 names them."""
        with self._asking() as client:
            client.put_object(Bucket=self.name, Key=self._key(name), Body=content, **headers)

    def get(self, name: str) -> bytes | None:
        """Return the bytes as they are stored, or None if there is no such object."""
        with self._asking() as client:
            try:
                body: bytes = client.get_object(Bucket=self.name, Key=self._key(name))["Body"].read()
            except ClientError as error:
                if _code(error) in MISSING:
                    return None
                raise
            return body

    def has(self, name: str) -> bool:
        """Whether there is such an object. Fetches no bytes.

        Also False if the bucket itself is missing: the answer to a HEAD request does not tell which.
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
        """Copy within the bucket, without fetching the bytes. False if there is no such object."""
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
        """Delete an object; do nothing if it is missing."""
        with self._asking() as client:
            client.delete_object(Bucket=self.name, Key=self._key(name))

    def pages(self) -> Iterator[list[StoredObject]]:
        """Yield all objects, up to a thousand at a time."""
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
        """Raise TierError if the bucket cannot be used. A good answer holds for CHECK_SECONDS."""
        if self._now() < self._healthy_until:
            return
        with self._asking() as client:
            client.head_bucket(Bucket=self.name)
        self._healthy_until = self._now() + CHECK_SECONDS

    def check_not_down(self) -> None:
        """Raise TierError while the store is known to be down, without a request."""
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
        """After a failure let one caller try; the others get a TierError meanwhile."""
        with self._lock:
            self.check_not_down()
            if self._down_until:
                self._down_until = self._now() + PAUSE_SECONDS

    def _pause(self) -> None:
        self._down_until = self._now() + PAUSE_SECONDS
        self._healthy_until = 0.0

    def _client(self) -> Any:
        """Return the one client of all threads: boto3's clients are thread-safe, its resources are not."""
        with self._lock:
            if self._made is None:
                # No custom domain: our requests are signed and go to the store itself. Listeners get
                # conf().cdn_url and the object's name.
                storage = S3Storage(bucket_name=self.name, custom_domain=None, client_config=_quick())
                self._made = storage.connection.meta.client
            return self._made

    @staticmethod
    def _key(name: str) -> str:
        location = str(getattr(settings, "AWS_LOCATION", "") or "").strip("/")
        return f"{location}/{name}" if location else name


def _quick() -> Config:
    """Client settings with short timeouts.

    With a config of our own, django-storages no longer applies the addressing style and signature version.
    """
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
