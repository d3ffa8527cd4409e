"""The SHA-256 that is left off after any byte and taken up by another process: always hashlib's."""

import ctypes
import functools
import hashlib
import io
import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.uploads import resumable
from assets.uploads.resumable import PlainDigest, UnableToResume, begun, resumed

HOME = Path(__file__).resolve().parents[2]
needs_openssl = pytest.mark.skipif(resumable._library() is None, reason="no libcrypto gives its state here")


@pytest.fixture
def without_openssl() -> Iterator[None]:
    """No libcrypto that answers as it must is found."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resumable, "_library", lambda: None)
        yield


@given(data=st.binary(max_size=700), cuts=st.lists(st.integers(0, 700), max_size=8), as_array=st.booleans())
@settings(max_examples=300, deadline=None)
def test_however_it_is_cut_the_digest_is_hashlibs(data: bytes, cuts: list[int], as_array: bool) -> None:
    digest = begun()
    edges = sorted({0, *(min(cut, len(data)) for cut in cuts), len(data)})
    for start, end in itertools.pairwise(edges):
        digest.update(bytearray(data[start:end]) if as_array else data[start:end])
        assert digest.hexdigest() == hashlib.sha256(data[:end]).hexdigest()
        digest = resumed(digest.state(), end, io.BytesIO(data))
    assert (digest.size_bytes, digest.hexdigest()) == (len(data), hashlib.sha256(data).hexdigest())


@needs_openssl
def test_the_state_is_small_and_needs_no_prefix() -> None:
    digest = begun()
    digest.update(b"x" * 1_000_063)

    state = digest.state()

    assert len(state) == 40 + 1_000_063 % 64
    assert resumed(state, 1_000_063, None).hexdigest() == hashlib.sha256(b"x" * 1_000_063).hexdigest()


@needs_openssl
def test_another_process_goes_on() -> None:
    digest = begun()
    digest.update(b"The first half, ")
    code = (
        "import sys; from assets.uploads.resumable import resumed;"
        "d = resumed(bytes.fromhex(sys.argv[1]), 16, None); d.update(b'and the second.'); print(d.hexdigest())"
    )

    said = subprocess.run([sys.executable, "-c", code, digest.state().hex()], cwd=HOME, capture_output=True, check=True)

    assert said.stdout.decode().strip() == hashlib.sha256(b"The first half, and the second.").hexdigest()


@needs_openssl
def test_a_count_beyond_four_gigabits_survives() -> None:
    digest = begun()
    chunk = bytes(16 * 1024 * 1024)
    for _round in range(36):  # 4.5 Gibit: the lower word of the count has run over
        digest.update(chunk)

    after = resumed(digest.state(), 36 * len(chunk), None)
    after.update(b"end")
    digest.update(b"end")

    assert after.hexdigest() == digest.hexdigest()
    whole = hashlib.sha256()
    for _round in range(36):
        whole.update(chunk)
    whole.update(b"end")
    assert after.hexdigest() == whole.hexdigest()


def test_without_openssl_the_prefix_is_digested_again(without_openssl: None) -> None:
    digest = begun()
    assert isinstance(digest, PlainDigest)
    digest.update(b"a cat")
    assert digest.state() == b""

    after = resumed(b"whatever another machine saved", 5, io.BytesIO(b"a cat and what was never acknowledged"))
    after.update(b" sat")

    assert after.hexdigest() == hashlib.sha256(b"a cat sat").hexdigest()


def test_an_empty_state_is_made_from_the_prefix() -> None:
    assert resumed(b"", 5, io.BytesIO(b"a cat")).hexdigest() == hashlib.sha256(b"a cat").hexdigest()
    with pytest.raises(UnableToResume, match="2 of 5 bytes are missing"):
        resumed(b"", 5, io.BytesIO(b"a c"))
    with pytest.raises(UnableToResume):
        resumed(b"", 5, None)


@needs_openssl
@pytest.mark.parametrize("damage", [lambda s: s[:39], lambda s: s[:-1], lambda s: s + b"x"])
def test_a_damaged_state_is_refused(damage: functools.partial[bytes]) -> None:
    digest = begun()
    digest.update(b"a cat")
    with pytest.raises(UnableToResume):
        resumed(damage(digest.state()), 5, None)
    with pytest.raises(UnableToResume, match="of 5 bytes instead of 6"):
        resumed(digest.state(), 6, None)


def test_a_library_that_answers_wrongly_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong:
        """Digests, but forgets what it was given."""

        SHA256_Init = SHA256_Update = staticmethod(lambda *_args: 1)

        @staticmethod
        def SHA256_Final(digest: ctypes.Array[ctypes.c_ubyte], _context: object) -> int:
            digest[:] = hashlib.sha256(b"something else").digest()
            return 1

    assert not resumable._answers(Wrong())  # type: ignore[arg-type]
    resumable._library.cache_clear()
    monkeypatch.setattr(resumable, "_candidates", lambda: iter(["no-such-library.so", str(HOME / "README.md")]))
    try:
        assert resumable._library() is None
    finally:
        resumable._library.cache_clear()


@needs_openssl
def test_every_candidate_that_loads_and_has_the_functions_answers_right() -> None:
    tried = 0
    for name in resumable._candidates():
        library = ctypes.CDLL(name)
        if hasattr(library, "SHA256_Init"):
            for function in (library.SHA256_Init, library.SHA256_Update, library.SHA256_Final):
                function.argtypes = None
            library.SHA256_Update.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
            assert resumable._answers(library), name
            tried += 1
    assert tried
