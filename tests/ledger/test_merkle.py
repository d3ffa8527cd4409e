"""The tree against RFC 6962's classic vectors, and against the recursion that the RFC defines it by."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.log.merkle import (
    EMPTY_ROOT,
    CompactRange,
    UnableToVerifyProof,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    perfect_root,
    range_root,
    verify_inclusion,
)

# The vectors of the certificate-transparency project for eight leaves.
LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    bytes.fromhex(text)
    for text in (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )
]
INCLUSION = {
    (0, 1): (),
    (0, 8): (
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ),
    (5, 8): (
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    (2, 3): ("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",),
    (1, 5): (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ),
}
CONSISTENCY = {
    (1, 1): (),
    (1, 8): INCLUSION[0, 8],
    (6, 8): (
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    (2, 5): (
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ),
    (6, 7): (
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
}


# The RFC's own recursive definitions, kept as plain as it states them: section 2.1.1 to 2.1.4.
def mth(leaves: list[bytes]) -> bytes:
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = split(len(leaves))
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def split(n: int) -> int:
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    if m == len(leaves):
        return [] if whole else [mth(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]


def reader(leaves: list[bytes]):
    return lambda level, index: mth(leaves[index << level : (index + 1) << level])


def hexes(hashes) -> tuple[str, ...]:
    return tuple(one.hex() for one in hashes)


trees = st.lists(st.binary(max_size=4), min_size=1, max_size=70)


def test_the_empty_tree_has_the_root_of_the_standard():
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert CompactRange().root() == EMPTY_ROOT == range_root(0, 0, reader([]))


def test_growing_leaf_by_leaf_passes_through_every_classic_root():
    tree = CompactRange()
    for leaf, root in zip(LEAVES, ROOTS, strict=True):
        tree = tree.extended([leaf_hash(leaf)])
        assert tree.root() == root


@pytest.mark.parametrize(("place", "expected"), INCLUSION.items())
def test_classic_inclusion_proofs(place, expected):
    index, size = place
    proof = inclusion_proof(index, size, reader(LEAVES))
    assert hexes(proof) == expected
    verify_inclusion(index, size, leaf_hash(LEAVES[index]), proof, ROOTS[size - 1])


@pytest.mark.parametrize(("sizes", "expected"), CONSISTENCY.items())
def test_classic_consistency_proofs(sizes, expected):
    old, new = sizes
    proof = consistency_proof(old, new, reader(LEAVES))
    assert hexes(proof) == expected


@given(trees)
def test_appending_agrees_with_the_definition(leaves):
    tree = CompactRange().extended(map(leaf_hash, leaves))
    assert tree.root() == mth(leaves) == range_root(0, len(leaves), reader(leaves))
    assert CompactRange.from_bytes(tree.size, tree.to_bytes()) == tree


@given(trees, st.data())
def test_appending_in_two_batches_is_appending_in_one(leaves, data):
    cut = data.draw(st.integers(0, len(leaves)))
    hashes = [leaf_hash(leaf) for leaf in leaves]
    assert CompactRange().extended(hashes[:cut]).extended(hashes[cut:]) == CompactRange().extended(hashes)


@given(trees, st.data())
def test_inclusion_agrees_with_the_definition_and_holds_for_no_other_leaf(leaves, data):
    index = data.draw(st.integers(0, len(leaves) - 1))
    proof, root = inclusion_proof(index, len(leaves), reader(leaves)), mth(leaves)
    assert proof == path(index, leaves)
    verify_inclusion(index, len(leaves), leaf_hash(leaves[index]), proof, root)
    wrong_index = data.draw(st.integers(0, len(leaves) + 1).filter(lambda i: i != index))
    tampered = [
        (index, len(leaves), leaf_hash(leaves[index] + b"!"), proof, root),
        (index, len(leaves), leaf_hash(leaves[index]), [*proof, root], root),
        (index, len(leaves), leaf_hash(leaves[index]), [root, *proof], root),
        (index, len(leaves), leaf_hash(leaves[index]), proof, leaf_hash(b"another root")),
        (wrong_index, len(leaves), leaf_hash(leaves[index] + b"!"), proof, root),
    ]
    if proof:
        flipped = [bytes([proof[0][0] ^ 1]) + proof[0][1:], *proof[1:]]
        tampered.append((index, len(leaves), leaf_hash(leaves[index]), flipped, root))
        tampered.append((index, len(leaves), leaf_hash(leaves[index]), proof[:-1], root))
        tampered.append((index, len(leaves), leaf_hash(leaves[index]), [proof[0][:31], *proof[1:]], root))
    for attempt in tampered:
        with pytest.raises(UnableToVerifyProof):
            verify_inclusion(*attempt)


@given(trees, st.data())
def test_consistency_agrees_with_the_definition(leaves, data):
    old_size = data.draw(st.integers(1, len(leaves)))
    assert consistency_proof(old_size, len(leaves), reader(leaves)) == subproof(old_size, leaves, True)


def test_questions_about_leaves_that_are_not_there_are_errors_of_the_asker():
    with pytest.raises(ValueError, match="leaf 8 is not in a tree of 8 leaves"):
        inclusion_proof(8, 8, reader(LEAVES))
    with pytest.raises(ValueError, match="no consistency proof leads from 9 to 8 leaves"):
        consistency_proof(9, 8, reader(LEAVES))
    with pytest.raises(ValueError, match="a power of two"):
        perfect_root([ROOTS[0]] * 3)
    with pytest.raises(ValueError, match="cannot be the compact range of 3 leaves"):
        CompactRange.from_bytes(3, b"")


def test_a_node_is_not_a_leaf():
    """The prefixes of section 2.1.1 keep a pair of hashes from passing as an entry."""
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert node_hash(left, right) != leaf_hash(left + right)
