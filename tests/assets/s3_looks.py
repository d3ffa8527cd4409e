"""What the tests look for in a bucket."""

import urllib.error
import urllib.request
from collections.abc import Mapping

from assets.storage.s3_bucket import Bucket


def keys(bucket: Bucket, prefix: str = "") -> list[str]:
    return [one.key for one in bucket.list(prefix)]


def unfinished(bucket: Bucket) -> list[str]:
    """Gives the keys of all multipart uploads that nobody has finished."""
    return [key for key, _id, _at in bucket.list_unfinished("")]


def piece_sizes(bucket: Bucket, place: str) -> list[int]:
    """Gives the sizes of an upload's pieces, in the order of their starts."""
    found = []
    for one in bucket.list(f"{place}/"):
        name = one.key.rpartition("/")[2]
        if name != "state":
            start, _dash, length = name.partition("-")
            assert int(length) == one.size_bytes
            found.append((int(start), one.size_bytes))
    return [size_bytes for _start, size_bytes in sorted(found)]


def sent(method: str, url: str, data: bytes, headers: Mapping[str, str]) -> int:
    """Sends a request as any program would, and gives the status of the answer."""
    request = urllib.request.Request(url, data=data, method=method, headers=dict(headers))
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
