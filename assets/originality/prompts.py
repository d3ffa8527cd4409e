"""Prompt sets known again: MinHash over short runs of words, however the set is laid out or ordered.

MinHash is Broder's, "On the resemblance and containment of documents" (1997): the share of equal minima estimates
the Jaccard index of the two sets of runs.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from assets.originality.base import PROMPTS_MINHASH, Print

MINIMA = 128
LEAST_RUNS = 24
LEAST_EQUAL = 32
"""Of 128 minima: sets that share a quarter of their runs are counted exactly."""
JACCARD_PPM, CONTAINED_PPM = 700_000, 900_000
"""Two sets are the same when they share this much of both together, or this much of one of them."""

_WORDS_IN_RUN = 3
_CHUNK = 8192
# What a generator reads and a reader does not: extra networks, weights behind a colon, and brackets for emphasis.
_NETWORKS = re.compile(r"<[^<>]{0,200}>")
_WEIGHTS = re.compile(r":\s*-?[0-9]*\.?[0-9]+\s*(?=[)\]},]|$)", re.MULTILINE)
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff\u3040-\u30ff"
_PIECES = re.compile(rf"[{_HAN}]+|[^\W_{_HAN}]+")
_IS_HAN = re.compile(rf"[{_HAN}]")

Runs = frozenset[str]


def prints_of(prompts: Iterable[str]) -> list[Print]:
    """Return the MinHash print of a prompt set, 128 little-endian 32-bit minima; none when it says too little."""
    runs = runs_of(prompts)
    return [Print(PROMPTS_MINHASH, minima(runs).tobytes())] if len(runs) >= LEAST_RUNS else []


def runs_of(prompts: Iterable[str]) -> Runs:
    """Return the distinct runs: three words, two Chinese or Japanese characters, or a whole prompt that is shorter."""
    return frozenset(run for prompt in prompts for run in _runs(normal(prompt)))


def normal(prompt: str) -> str:
    """Return the prompt folded to what two spellings of it share: NFKC, no case, no weights, single spaces."""
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", prompt).casefold())
    return " ".join(_PIECES.findall(_WEIGHTS.sub(" ", _NETWORKS.sub(" ", plain))))


def minima(runs: Runs) -> NDArray[np.uint32]:
    """Return the least hash of all runs under each of 128 hash functions, (128,) of 32 bits."""
    digests = b"".join(hashlib.blake2b(run.encode(), digest_size=8).digest() for run in runs)
    hashes = np.frombuffer(digests, "<u8")
    least = np.full(MINIMA, np.iinfo(np.uint32).max, "<u4")
    for start in range(0, len(hashes), _CHUNK):
        # Multiply and shift; the products wrap around 2⁶⁴, and their upper half is the hash.
        mixed = (hashes[start : start + _CHUNK, None] * _FACTORS + _TERMS) >> np.uint64(32)
        least = np.minimum(least, mixed.min(axis=0).astype("<u4"))
    return least


def read_minima(value: bytes) -> NDArray[np.uint32]:
    """Return the 128 minima of a stored print; raise ValueError when it is none."""
    if len(value) != 4 * MINIMA:
        raise ValueError(f"not a {PROMPTS_MINHASH} print")
    return np.frombuffer(value, "<u4")


def overlap(ours: Iterable[str], theirs: Iterable[str]) -> dict[str, int]:
    """Return, counted exactly, what two prompt sets share: runs, prompts, and parts per million of each set's runs."""
    ours, theirs = list(ours), list(theirs)
    mine, other = runs_of(ours), runs_of(theirs)
    shared = len(mine & other)
    return {
        "jaccard_ppm": _ppm(shared, len(mine | other)),
        "of_ours_ppm": _ppm(shared, len(mine)),
        "of_theirs_ppm": _ppm(shared, len(other)),
        "shared_prompts": len({normal(prompt) for prompt in ours} & {normal(prompt) for prompt in theirs}),
        "prompts": len(ours),
        "other_prompts": len(theirs),
    }


def _runs(plain: str) -> Iterator[str]:
    words: list[str] = []
    for piece in plain.split():
        if _IS_HAN.match(piece):
            yield from (piece[at : at + 2] for at in range(max(1, len(piece) - 1)))
        else:
            words.append(piece)
    for at in range(max(1, len(words) - _WORDS_IN_RUN + 1) if words else 0):
        yield " ".join(words[at : at + _WORDS_IN_RUN])


def _ppm(part: int, whole: int) -> int:
    """Return part of whole in parts per million, the rest of the division dropped; 0 of nothing."""
    return part * 1_000_000 // whole if whole else 0


def _numbers(name: str) -> NDArray[np.uint64]:
    """Return 128 fixed 64-bit numbers that anyone can compute from the name."""
    stream = b"".join(hashlib.sha256(f"worldloom/minhash/1 {name} {i}".encode()).digest()[:8] for i in range(MINIMA))
    return np.frombuffer(stream, "<u8")


_FACTORS = _numbers("factor") | np.uint64(1)
_TERMS = _numbers("term")
