"""One bucket behind the S3 API: small calls, each all or nothing, failures as two errors of ours."""

import base64
import hashlib
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

PART_BYTES = 16 * 1024**2
# CopyObject and UploadPartCopy take at most this much at once; a part of a multipart upload has at least 5 MiB.
COPY_LIMIT_BYTES = 5 * 1024**3
PARTS_LIMIT = 10_000

_TRIES = 4
_MISSING = {"404", "NoSuchKey", "NotFound", "NoSuchUpload"}
_CHANGED = {"PreconditionFailed", "ConditionalRequestConflict", "412"}
_REFUSED = {"BadDigest", "InvalidPart", "InvalidPartOrder", "InvalidRequest", "EntityTooSmall"}
_WORDS = {
    "NoSuchBucket": "the bucket {bucket} does not exist",
    "AccessDenied": "the object store refuses the access key",
    "403": "the object store refuses the access key",
    "InvalidAccessKeyId": "the object store refuses the access key",
    "SignatureDoesNotMatch": "the object store refuses the access key",
    "BadDigest": "the bytes changed on their way to the object store",
    "XAmzContentSHA256Mismatch": "the bytes changed on their way to the object store",
    "InvalidPart": "the parts are not those that were sent",
    "InvalidRequest": "the parts are not those that were sent",
    "EntityTooSmall": "a part other than the last is smaller than 5 MiB",
    "NotImplemented": "the object store has no conditional writes, which are needed",
}

_clients: dict[tuple[object, ...], Any] = {}
_making = threading.Lock()


class StorageFailed(OSError):
    """The object store refused or did not answer; `reason` says why, in the middle of a sentence."""

    code = "storage-failed"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.reason[0].upper()}{self.reason[1:]}."


class Refused(StorageFailed):
    """The object store found the parts of a multipart upload wanting."""


class Changed(Exception):
    """A write on a condition found the object changed, or gone."""


class Gone(Exception):
    """There is no such object or multipart upload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One object of a listing."""

    key: str
    size_bytes: int
    modified_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part that the server has. `sha256` is in hex, or empty where the server does not list it."""

    number: int
    size_bytes: int
    etag: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A bucket and how to reach it. Safe for several threads; `endpoint` empty means Amazon's own."""

    name: str
    endpoint: str = ""
    region: str = "us-east-1"
    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    path_style: bool = True
    copy_limit_bytes: int = COPY_LIMIT_BYTES
    page_size: int = 1000

    @classmethod
    def of_settings(cls, named: Mapping[str, Any]) -> "Bucket":
        """Return the bucket of settings.S3; raise StorageFailed when no bucket is named."""
        if not named["bucket"]:
            raise StorageFailed("the settings name no bucket; set WORLDLOOM_S3_BUCKET")
        return cls(name=named["bucket"], **{key: value for key, value in named.items() if key != "bucket"})

    def call(self, verb: str, /, **arguments: Any) -> Any:
        """Call one verb of the S3 API on this bucket; raise Gone, Changed or StorageFailed."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(self._client(), verb)(Bucket=self.name, **arguments)
        except ClientError as error:
            self._translate(error)
        except BotoCoreError as error:
            raise StorageFailed(f"the object store does not answer ({type(error).__name__})") from error

    def head(self, key: str) -> tuple[int, str] | None:
        """Return the object's size in bytes and its ETag, or None."""
        try:
            answer = self.call("head_object", Key=key)
        except Gone:
            return None
        return answer["ContentLength"], answer["ETag"]

    def get(self, key: str, start: int, length: int) -> bytes:
        """Return that range of the object; raise Gone, StorageFailed also when it is shorter."""
        data, _etag = self._get(Key=key, Range=f"bytes={start}-{start + length - 1}")
        if len(data) != length:
            raise StorageFailed(f"the object store sent {len(data)} bytes of {key} instead of {length}")
        return data

    def get_whole(self, key: str) -> tuple[bytes, str]:
        """Return a small object and its ETag; raise Gone."""
        return self._get(Key=key)

    def put(self, key: str, data: bytes | bytearray, **conditions: str) -> str:
        """Put an object whose SHA-256 the server checks, and return its ETag; raise Changed."""
        answer = self.call("put_object", Key=key, Body=data, ChecksumSHA256=checksum(data), **conditions)
        return str(answer["ETag"])

    def delete(self, keys: Sequence[str]) -> None:
        """Remove the objects; those that are not there are passed over."""
        for start in range(0, len(keys), 1000):
            named = [{"Key": key} for key in keys[start : start + 1000]]
            answer = self.call("delete_objects", Delete={"Objects": named, "Quiet": True})
            for failure in answer.get("Errors", []):
                raise StorageFailed(f"the object store keeps {failure['Key']} ({failure.get('Code', 'no reason')})")

    def list(self, prefix: str) -> Iterator[Listed]:
        """Yield the objects below the prefix, in the order of their keys."""
        more: dict[str, str] = {}
        while True:
            answer = self.call("list_objects_v2", Prefix=prefix, MaxKeys=self.page_size, **more)
            for one in answer.get("Contents", []):
                yield Listed(key=one["Key"], size_bytes=one["Size"], modified_at=one["LastModified"])
            if not answer.get("IsTruncated"):
                return
            more = {"ContinuationToken": answer["NextContinuationToken"]}

    def begin_parts(self, key: str) -> str:
        """Begin a multipart upload, every part with its SHA-256, and return its id."""
        return str(self.call("create_multipart_upload", Key=key, ChecksumAlgorithm="SHA256")["UploadId"])

    def send_part(self, key: str, id: str, number: int, data: bytes | bytearray) -> Part:
        """Send one part, whose SHA-256 the server checks."""
        sums = checksum(data)
        answer = self.call("upload_part", Key=key, UploadId=id, PartNumber=number, Body=data, ChecksumSHA256=sums)
        return Part(number=number, size_bytes=len(data), etag=answer["ETag"], sha256=hex_of(sums))

    def copy_part(self, key: str, id: str, number: int, source: str, start: int, length: int) -> Part:
        """Make a range of another object a part, inside the object store."""
        answer = self.call(
            "upload_part_copy",
            Key=key,
            UploadId=id,
            PartNumber=number,
            CopySource={"Bucket": self.name, "Key": source},
            CopySourceRange=f"bytes={start}-{start + length - 1}",
        )["CopyPartResult"]
        sums = answer.get("ChecksumSHA256", "")
        return Part(number=number, size_bytes=length, etag=answer["ETag"], sha256=hex_of(sums))

    def complete_parts(self, key: str, id: str, parts: Sequence[Part]) -> None:
        """Make the parts one object; raise Gone when there is no such multipart upload."""
        named = [
            {"PartNumber": part.number, "ETag": part.etag}
            | ({"ChecksumSHA256": base64.b64encode(bytes.fromhex(part.sha256)).decode()} if part.sha256 else {})
            for part in parts
        ]
        self.call("complete_multipart_upload", Key=key, UploadId=id, MultipartUpload={"Parts": named})

    def abort_parts(self, key: str, id: str) -> None:
        """Drop a multipart upload and its parts; do nothing when there is none."""
        try:
            self.call("abort_multipart_upload", Key=key, UploadId=id)
        except Gone:
            return

    def list_parts(self, key: str, id: str) -> Iterator[Part]:
        """Yield the parts that the server has, in the order of their numbers; raise Gone.

        Of a part that was sent again some servers list each sending; the newest comes first here.
        """
        pages = self._pages_of_parts(key, id)
        for one in sorted(pages, key=lambda one: (one["PartNumber"], -one["LastModified"].timestamp())):
            sums = hex_of(one.get("ChecksumSHA256", ""))
            yield Part(number=one["PartNumber"], size_bytes=one["Size"], etag=one["ETag"], sha256=sums)

    def last_sent_at(self, key: str, id: str, begun_at: datetime) -> datetime:
        """Return when the last part of a multipart upload came, or `begun_at` when none has; raise Gone."""
        pages = self._pages_of_parts(key, id)
        return max((one["LastModified"] for one in pages), default=begun_at)

    def list_unfinished(self, prefix: str) -> Iterator[tuple[str, str, datetime]]:
        """Yield key, id and beginning of every multipart upload below the prefix that nobody has finished."""
        more: dict[str, str] = {}
        while True:
            answer = self.call("list_multipart_uploads", Prefix=prefix, MaxUploads=self.page_size, **more)
            for one in answer.get("Uploads", []):
                yield one["Key"], one["UploadId"], one["Initiated"]
            if not answer.get("IsTruncated"):
                return
            more = {"KeyMarker": answer["NextKeyMarker"], "UploadIdMarker": answer["NextUploadIdMarker"]}

    def sign_part(self, key: str, id: str, number: int, size_bytes: int, sums: str, expires_seconds: int) -> str:
        """Return an address to which those bytes alone may be put as that part, with that checksum as a header."""
        arguments = {
            "Bucket": self.name,
            "Key": key,
            "UploadId": id,
            "PartNumber": number,
            "ContentLength": size_bytes,
            "ChecksumSHA256": sums,
        }
        return str(self._client().generate_presigned_url("upload_part", Params=arguments, ExpiresIn=expires_seconds))

    def _get(self, **arguments: str) -> tuple[bytes, str]:
        """Return an answer's bytes and ETag; one that breaks off is asked for again."""
        from botocore.exceptions import BotoCoreError

        for left in reversed(range(_TRIES)):
            answer = self.call("get_object", **arguments)
            try:
                with answer["Body"] as body:
                    return body.read(), answer["ETag"]
            except (BotoCoreError, OSError) as error:
                if not left:
                    raise StorageFailed(f"the object store breaks off ({type(error).__name__})") from error
        raise AssertionError("unreachable")

    def _pages_of_parts(self, key: str, id: str) -> Iterator[dict[str, Any]]:
        more: dict[str, int] = {}
        while True:
            answer = self.call("list_parts", Key=key, UploadId=id, MaxParts=self.page_size, **more)
            yield from answer.get("Parts", [])
            if not answer.get("IsTruncated"):
                return
            more = {"PartNumberMarker": answer["NextPartNumberMarker"]}

    def _translate(self, error: Any) -> NoReturn:
        said = error.response["Error"]
        code = said.get("Code", "")
        if code in _MISSING:
            raise Gone(code) from error
        if code in _CHANGED:
            raise Changed(code) from error
        words = _WORDS.get(code, "the object store answers {code}: {message}")
        message = str(said.get("Message", "")).rstrip(".")
        kind = Refused if code in _REFUSED else StorageFailed
        raise kind(words.format(bucket=self.name, code=code, message=message)) from error

    def _client(self) -> Any:
        """Return this process's client, made once; importing boto3 takes most of a second and happens here."""
        where = (os.getpid(), self.endpoint, self.region, self.access_key, self.secret_key, self.path_style)
        if (known := _clients.get(where)) is not None:
            return known
        with _making:
            if where not in _clients:
                _clients[where] = self._make_client()
            return _clients[where]

    def _make_client(self) -> Any:
        import boto3  # type: ignore[import-untyped]
        from botocore.config import Config

        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.endpoint or None,
            region_name=self.region,
            aws_access_key_id=self.access_key or None,
            aws_secret_access_key=self.secret_key or None,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path" if self.path_style else "virtual"},
                connect_timeout=5,
                read_timeout=60,
                retries={"mode": "standard", "total_max_attempts": _TRIES},
                max_pool_connections=32,
                tcp_keepalive=True,
                # Checksums are SHA-256 and ours; the library's own CRC trailers are unknown to many servers.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )


def checksum(data: bytes | bytearray | memoryview) -> str:
    """Return the SHA-256 as S3 writes it, in Base64."""
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def hex_of(sums: str) -> str:
    """Return a checksum of S3 in hex, an empty one as it is."""
    return base64.b64decode(sums).hex()
