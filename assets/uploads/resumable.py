"""A SHA-256 that one process leaves off and another takes up (FIPS 180-4): its state is eight words and a tail.

hashlib keeps that state to itself, so OpenSSL's own context is asked for it, through ctypes, which lets other threads
run meanwhile. Where no OpenSSL answers as it must, the digest still comes out right: it starts over from the bytes
that have arrived.
"""

import ctypes
import ctypes.util
import functools
import hashlib
import importlib.util
import logging
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

_CHUNK_BYTES = 1024 * 1024
# What a saved state looks like: eight words, the number of bytes, and behind them the bytes of the block begun.
_SAVED = struct.Struct(">8IQ")
_BLOCK_BYTES = 64
_PROBE = bytes(range(256)) * 5


class UnableToResume(Exception):
    """A saved state is damaged, or there are fewer bytes than it speaks of."""

    code = "digest-state-damaged"


class ResumableDigest(Protocol):
    """SHA-256 of the bytes so far. Not for several threads."""

    @property
    def size_bytes(self) -> int:
        """How many bytes were taken."""
        ...

    def update(self, data: bytes | bytearray) -> None:
        """Take more bytes."""
        ...

    def hexdigest(self) -> str:
        """Return the digest of what was taken so far; more may follow."""
        ...

    def state(self) -> bytes:
        """Return what `resumed` goes on from, empty where this Python cannot tell; 40 to 103 bytes."""
        ...


class _Context(ctypes.Structure):
    """SHA256_CTX of openssl/sha.h, the same since OpenSSL 0.9.8. `bits_*` count bits, `pending` bytes of `block`."""

    _fields_ = [
        ("words", ctypes.c_uint32 * 8),
        ("bits_low", ctypes.c_uint32),
        ("bits_high", ctypes.c_uint32),
        ("block", ctypes.c_ubyte * _BLOCK_BYTES),
        ("pending", ctypes.c_uint),
        ("digest_bytes", ctypes.c_uint),
        # Room that no OpenSSL uses: were its context longer than ours, it would write there and not beside.
        ("spare", ctypes.c_ubyte * 128),
    ]


class OpensslDigest:
    """The digest by OpenSSL's own functions, with a state that can be read and written."""

    def __init__(self, library: ctypes.CDLL, saved: bytes = b"") -> None:
        self._library, self._context = library, _Context()
        self.size_bytes = 0
        self._must(library.SHA256_Init(ctypes.byref(self._context)))
        if saved:
            self._restore(saved)

    def update(self, data: bytes | bytearray) -> None:
        """See ResumableDigest.update."""
        size = len(data)
        source = data if isinstance(data, bytes) else (ctypes.c_ubyte * size).from_buffer(data)
        self._must(self._library.SHA256_Update(ctypes.byref(self._context), source, size))
        self.size_bytes += size

    def hexdigest(self) -> str:
        """See ResumableDigest.hexdigest."""
        last = _Context.from_buffer_copy(self._context)
        digest = (ctypes.c_ubyte * 32)()
        self._must(self._library.SHA256_Final(digest, ctypes.byref(last)))
        return bytes(digest).hex()

    def state(self) -> bytes:
        """See ResumableDigest.state."""
        words, pending = list(self._context.words), self._context.pending
        return _SAVED.pack(*words, self.size_bytes) + bytes(self._context.block[:pending])

    def _restore(self, saved: bytes) -> None:
        if len(saved) < _SAVED.size:
            raise UnableToResume("The saved state is too short.")
        *words, size = _SAVED.unpack_from(saved)
        tail = saved[_SAVED.size :]
        if len(tail) != size % _BLOCK_BYTES:
            raise UnableToResume("The saved state does not hold the block that was begun.")
        context, bits = self._context, size * 8
        context.words[:] = words
        context.bits_low, context.bits_high = bits & 0xFFFFFFFF, bits >> 32
        context.block[: len(tail)] = tail
        context.pending = len(tail)
        self.size_bytes = size

    def _must(self, answer: int) -> None:
        if answer != 1:
            raise OSError("OpenSSL refused to digest.")


class PlainDigest:
    """The digest by hashlib, whose state cannot be had: taking it up again means digesting the beginning again."""

    def __init__(self) -> None:
        self._digest, self.size_bytes = hashlib.sha256(), 0

    def update(self, data: bytes | bytearray) -> None:
        """See ResumableDigest.update."""
        self._digest.update(data)
        self.size_bytes += len(data)

    def hexdigest(self) -> str:
        """See ResumableDigest.hexdigest."""
        return self._digest.hexdigest()

    def state(self) -> bytes:
        """See ResumableDigest.state."""
        return b""


def begun() -> ResumableDigest:
    """Return the digest of nothing yet."""
    library = _library()
    return PlainDigest() if library is None else OpensslDigest(library)


def resumed(state: bytes, size_bytes: int, prefix: BinaryIO | None) -> ResumableDigest:
    """Return the digest after `size_bytes` bytes, from its state or, where that cannot be, from `prefix` itself.

    `prefix` is read from where it stands, and only when it must be. Raise UnableToResume when the state speaks of
    another number of bytes, or the prefix ends early.
    """
    library = _library()
    if state and library is not None:
        digest = OpensslDigest(library, bytes(state))
        if digest.size_bytes != size_bytes:
            raise UnableToResume(f"The saved state is of {digest.size_bytes} bytes instead of {size_bytes}.")
        return digest
    again, left = begun(), size_bytes
    while left:
        chunk = prefix.read(min(left, _CHUNK_BYTES)) if prefix is not None else b""
        if not chunk:
            raise UnableToResume(f"{left} of {size_bytes} bytes are missing.")
        again.update(chunk)
        left -= len(chunk)
    return again


@functools.cache
def _library() -> ctypes.CDLL | None:
    """Return the first libcrypto that digests as it must and goes on from a saved state, or None."""
    for name in _candidates():
        try:
            library = ctypes.CDLL(name)
            for function in (library.SHA256_Init, library.SHA256_Update, library.SHA256_Final):
                function.restype = ctypes.c_int
            library.SHA256_Init.argtypes = [ctypes.c_void_p]
            library.SHA256_Update.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
            library.SHA256_Final.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
            if _answers(library):
                return library
        except (OSError, AttributeError):
            continue
    logging.getLogger(__name__).warning(
        "No libcrypto gives its SHA-256 state: an upload that goes on is digested from its beginning."
    )
    return None


def _candidates() -> Iterator[str]:
    """Yield what may be a libcrypto: what hashlib itself is linked with, the one beside psycopg, the system's."""
    linked = importlib.util.find_spec("_hashlib")
    if linked is not None and linked.has_location and linked.origin:
        # Looking a name up in a module looks in the libraries that it is linked with, too.
        yield linked.origin
    beside = importlib.util.find_spec("psycopg_binary")
    if beside is not None and beside.origin:
        folder = Path(beside.origin).parent.parent / "psycopg_binary.libs"
        yield from sorted(str(path) for path in folder.glob("libcrypto*"))
    # Loading the library that macOS keeps under this name ends the process.
    if sys.platform != "darwin" and (found := ctypes.util.find_library("crypto")):
        yield found


def _answers(library: ctypes.CDLL) -> bool:
    """Say whether the library gives the right digest across a state saved at every offset that can matter."""
    for split in (0, 1, 55, 56, 63, 64, 65, 127, 128, 1000, len(_PROBE)):
        first = OpensslDigest(library)
        first.update(_PROBE[:split])
        after = OpensslDigest(library, first.state())
        after.update(_PROBE[split:])
        first.update(bytearray(_PROBE[split:]))
        if {first.hexdigest(), after.hexdigest()} != {hashlib.sha256(_PROBE).hexdigest()}:
            return False
    # FIPS 180-4's own example: the digest of "abc".
    known = OpensslDigest(library)
    known.update(b"abc")
    return known.hexdigest() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
