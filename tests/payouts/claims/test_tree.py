"""The tree of payouts: against vectors that forge reads, against a plain second writing, at every size."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.chain.transaction import keccak
from marketplace.payouts.claims.tree import (
    Place,
    claim_calls,
    leaves_of,
    led_to,
    levels_of,
    proof_of,
    sizes_of,
    spots_of,
)

VECTORS = json.loads((Path(__file__).parents[3] / "contracts/test/vectors/payouts.json").read_text())
PLACE = Place(VECTORS["chainId"], bytes.fromhex(VECTORS["distributor"][2:]), bytes.fromhex(VECTORS["token"][2:]))
ACCOUNT = st.binary(min_size=20, max_size=20)


def unhex(text):
    return bytes.fromhex(text[2:])


def plain_root(nodes):
    """Writes the tree again: by halves of a list, and by sorting pairs."""
    if len(nodes) == 1:
        return nodes[0]
    above = [keccak(b"".join(sorted(nodes[i : i + 2]))) if i + 1 < len(nodes) else nodes[i] for i in nodes_at(nodes)]
    return plain_root(above)


def nodes_at(nodes):
    return range(0, len(nodes), 2)


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: str(len(case["accounts"])))
def test_it_says_what_forge_reads(case):
    given_out = list(zip(map(unhex, case["accounts"]), map(int, case["cumulative"]), strict=True))
    levels = levels_of(leaves_of(PLACE, given_out))

    assert levels[0] == [unhex(leaf) for leaf in case["leaves"]]
    assert levels[-1] == [unhex(case["root"])]
    proofs = [proof_of(levels, index) for index in range(len(given_out))]
    assert [len(proof) for proof in proofs] == case["depths"]
    assert [node for proof in proofs for node in proof] == [unhex(node) for node in case["proofs"]]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(ACCOUNT, st.integers(0, 2**128 - 1)), min_size=1, max_size=70))
def test_every_proof_leads_to_the_root_that_a_plain_tree_has(given_out):
    leaves = leaves_of(PLACE, given_out)
    levels = levels_of(leaves)
    nodes = [node for level in levels for node in level]

    assert [len(level) for level in levels] == sizes_of(len(leaves))
    assert levels[-1] == [plain_root(leaves)]
    for index, leaf in enumerate(leaves):
        proof = proof_of(levels, index)
        assert [nodes[spot] for spot in spots_of(index, len(leaves))] == proof
        assert led_to(leaf, proof) == levels[-1][0]


def test_another_amount_does_not_lead_there():
    given_out = [(bytes([n]) * 20, n * 10**6) for n in range(1, 6)]
    levels = levels_of(leaves_of(PLACE, given_out))
    [more] = leaves_of(PLACE, [(given_out[2][0], given_out[2][1] + 1)])

    assert led_to(more, proof_of(levels, 2)) != levels[-1][0]


def test_no_accounts_make_no_tree():
    with pytest.raises(ValueError, match="a tree has a leaf"):
        levels_of([])


def test_calls_are_what_eth_abi_writes():
    from eth_abi import encode

    given_out = [(bytes([n]) * 20, n * 10**6) for n in range(1, 12)]
    levels = levels_of(leaves_of(PLACE, given_out))
    calls = claim_calls(PLACE, given_out, levels)

    for index, (account, units) in enumerate(given_out):
        said = ("0x" + account.hex(), units, proof_of(levels, index), "0x" + PLACE.token.hex())
        written = encode(["address", "uint256", "bytes32[]", "address"], said)
        assert calls[index] == keccak(b"claim(address,uint256,bytes32[],address)")[:4] + written
