"""The trie against a dictionary: presence, absence, and proofs that were bent."""

import hashlib
import pathlib as files
from collections import defaultdict
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.index import trie
from ledger.index.trie import Path, Top, UnableToVerifyLookup, added_to, bucket_node, find, hash_key, tile_node, verify

KEYS = [f"digest:{number}" for number in range(40)]
POSTINGS = st.lists(st.sampled_from(KEYS), max_size=60)


class Index:
    """The three storeys in a dictionary, as the database has them."""

    def __init__(self) -> None:
        self.nodes: dict[bytes, bytes] = {}

    def fetch(self, prefix: bytes) -> bytes:
        return self.nodes.get(prefix, b"")

    def add(self, hashed: bytes, index: int) -> None:
        bucket = self.nodes[hashed[:2]] = added_to(self.fetch(hashed[:2]), [(hashed, index)])
        node = bucket_node(bucket)
        for storey in (1, 0):
            prefix = hashed[:storey]
            tile = self.nodes[prefix] = trie.with_children(self.fetch(prefix), {hashed[storey]: node})
            node = tile_node(tile)

    def root(self) -> bytes:
        return tile_node(self.fetch(b"") or trie.EMPTY_TILE)[1]


def by_definition(leaves: dict[bytes, bytes], depth: int = 0) -> bytes:
    """Return the root as docs/formats/index.md defines it, word by word."""
    if not leaves:
        return bytes(32)
    if len(leaves) == 1:
        ((hashed, value),) = leaves.items()
        return hashlib.sha256(b"\x00" + hashed + value).digest()
    sides: tuple[dict[bytes, bytes], dict[bytes, bytes]] = ({}, {})
    for hashed, value in leaves.items():
        sides[int.from_bytes(hashed, "big") >> (255 - depth) & 1][hashed] = value
    left, right = (by_definition(side, depth + 1) for side in sides)
    return hashlib.sha256(b"\x01" + left + right).digest()


def built(postings: list[str]) -> tuple[Index, dict[str, list[int]]]:
    index, model = Index(), defaultdict[str, list[int]](list)
    for leaf, key in enumerate(postings):
        index.add(hash_key(key), leaf)
        model[key].append(leaf)
    return index, dict(model)


@given(POSTINGS)
@settings(max_examples=40, deadline=None)
def test_each_key_is_proven_present_or_absent_as_the_dictionary_says(postings: list[str]) -> None:
    index, model = built(postings)
    assert index.root() == by_definition({hash_key(key): trie.value_of(leaves) for key, leaves in model.items()})
    for key in KEYS:
        verify(key, model.get(key, []), find(hash_key(key), index.fetch), index.root())


@given(POSTINGS, st.sampled_from(KEYS), st.lists(st.integers(0, 60), max_size=3, unique=True).map(sorted))
@settings(max_examples=60, deadline=None)
def test_no_path_proves_other_leaves_than_there_are(postings: list[str], key: str, claimed: list[int]) -> None:
    index, model = built(postings)
    path = find(hash_key(key), index.fetch)
    if claimed != model.get(key, []):
        for record in (path.record, None, hash_key(key) + bytes(32)):
            with pytest.raises(UnableToVerifyLookup):
                verify(key, claimed, Path(record, path.siblings), index.root())


@given(st.dictionaries(st.sampled_from(KEYS), st.integers(0, 9), min_size=1), st.randoms())
@settings(max_examples=30, deadline=None)
def test_the_order_of_keys_does_not_matter(postings: dict[str, int], random: Callable[..., None]) -> None:
    shuffled = list(postings.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first, second = Index(), Index()
    for key, leaf in postings.items():
        first.add(hash_key(key), leaf)
    for key, leaf in shuffled:
        second.add(hash_key(key), leaf)
    assert first.root() == second.root()


def close(bits: int, number: int) -> bytes:
    """Return hash number 0, 1, 2 … of those whose first bits are all zero."""
    return (number + 1 << (256 - bits) >> 12).to_bytes(32, "big")


@pytest.mark.parametrize("bits", [0, 3, 7, 8, 9, 15, 16, 17, 30, 200])
def test_keys_whose_hashes_begin_alike_are_told_apart(bits: int) -> None:
    """The collapsed leaves and the storeys meet at every depth that matters."""
    index, hashes = Index(), [close(bits, number) for number in range(5)]
    for leaf, hashed in enumerate(hashes[:4]):
        index.add(hashed, leaf)
        values = {known: trie.value_of([at]) for at, known in enumerate(hashes[: leaf + 1])}
        assert index.root() == by_definition(values)
        for at, one in enumerate(hashes):
            path = find(one, index.fetch)
            node = trie.leaf_of(path.record) if path.record else bytes(32)
            assert (path.record == one + trie.value_of([at])) is (at <= leaf)
            for up, sibling in enumerate(path.siblings):
                is_right = trie.bit_of(one, len(path.siblings) - 1 - up)
                node = hashlib.sha256(b"\x01" + (sibling + node if is_right else node + sibling)).digest()
            assert node == index.root()


def test_the_top_in_memory_agrees_with_the_tiles() -> None:
    index, _model = built(KEYS)
    top = Top([])
    for key in KEYS:
        prefix = hash_key(key)[:2]
        top.set({int.from_bytes(prefix, "big"): bucket_node(index.fetch(prefix))})
    assert top.root() == index.root()


def test_bent_proofs_are_refused() -> None:
    index, model = built(KEYS)
    key, root = KEYS[7], index.root()
    path = find(hash_key(key), index.fetch)
    absent = next(
        f"digest:x{number}" for number in range(99) if find(hash_key(f"digest:x{number}"), index.fetch).record
    )
    other = find(hash_key(absent), index.fetch)
    bent = [
        (key, [], path),  # a present key called absent
        (key, [], Path(None, path.siblings)),
        (key, model[key], Path(path.record, path.siblings[1:])),
        (key, model[key], Path(path.record, (*path.siblings, bytes(32)))),
        (key, model[key], Path(path.record, (bytes(32), *path.siblings[1:]))),
        (key, [*model[key], *model[key]], path),
        (key, [-1], path),
        (key, [1 << 63], path),
        (key, model[key], Path(path.record, path.siblings * 99)),
        (key, model[key], Path(path.record, (b"short", *path.siblings[1:]))),
        (absent, [3], other),
        (absent, [], Path(None, other.siblings)),
        (absent, [], Path(b"short", other.siblings)),
        (absent, [], path),
    ]
    for about, indices, crooked in bent:
        with pytest.raises(UnableToVerifyLookup):
            verify(about, indices, crooked, root)
    verify(absent, [], other, root)
    with pytest.raises(UnableToVerifyLookup):
        verify(absent, [], other, bytes(32))


def test_the_worked_example_of_the_public_page() -> None:
    """docs/formats/index.md holds these numbers."""
    index = Index()
    for leaf, key in enumerate(("pack:alice/yunhai", "key:a", "pack:alice/yunhai")):
        index.add(hash_key(key), leaf)
    page = (files.Path(__file__).parents[3] / "docs/formats/index.md").read_text()
    shown = [hash_key("pack:alice/yunhai"), hash_key("key:a"), trie.value_of([0, 2]), trie.value_of([1]), index.root()]
    assert all(one.hex() in page for one in shown)
