"""The public list of a payout root: written, read, checked offline, and refused where anything is off."""

import json

import pytest

from ledger.canonical import canonical
from marketplace.payouts.claims import check
from marketplace.payouts.claims.document import UnableToReadList, read_list, write_list
from marketplace.payouts.claims.tree import Place, leaves_of, levels_of

PLACE = Place(31337, bytes.fromhex("d1" * 20), bytes.fromhex("c0" * 20))
ALICE, BOB, DAVE = bytes([0xA1]) * 20, bytes([0xB0]) * 20, bytes([0xDA]) * 20
GIVEN = [(ALICE, 10_800_000), (BOB, 2**100)]
ROOT = levels_of(leaves_of(PLACE, GIVEN))[-1][0]
CONTENT = write_list(PLACE, 7, ROOT, GIVEN)


def test_a_list_is_read_as_it_was_written():
    found = read_list(CONTENT)

    assert (found.place, found.number, found.root, found.given) == (PLACE, 7, ROOT, GIVEN)
    assert found.total_units == 10_800_000 + 2**100
    line = found.line(BOB)
    assert (line.index, line.units, len(line.proof)) == (1, 2**100, 1)
    assert found.proves(BOB, 2**100, line.proof)
    assert not found.proves(BOB, 2**100 + 1, line.proof)
    assert found.line(DAVE) is None


@pytest.mark.parametrize(
    "change",
    [
        {"format": "worldloom/payout-root/2"},
        {"total": "1"},
        {"root": "0x" + "00" * 32},
        {"chain_id": 1},
        {"chain_id": True},
        {"number": 0},
        {"distributor": "0xD1"},
        {"accounts": []},
        {"accounts": [["0x" + ALICE.hex()]]},
        {"accounts": [["0x" + ALICE.hex(), "1"], ["0x" + ALICE.hex(), "2"]]},
        {"accounts": [["0x" + ALICE.hex(), 1]]},
        {"accounts": [["0x" + ALICE.hex(), "01"]]},
        {"accounts": [["0x" + ALICE.hex(), str(2**128)]]},
        {"more": "said"},
    ],
    ids=str,
)
def test_a_list_that_is_off_is_refused(change):
    with pytest.raises(UnableToReadList):
        read_list(canonical({**json.loads(CONTENT), **change}))


def test_another_form_of_the_same_is_refused():
    with pytest.raises(UnableToReadList, match="another form"):
        read_list(CONTENT.replace(b":", b": ", 1))


def test_anybody_checks_a_line_offline(tmp_path, capsys):
    path = tmp_path / "list.json"
    path.write_bytes(CONTENT)

    assert check.main([str(path), "0x" + ALICE.hex()]) == 0
    said = capsys.readouterr().out
    assert f"root    0x{ROOT.hex()} (number 7)" in said
    assert f"account 0x{ALICE.hex()} was given 10800000 units in all (leaf 0)" in said

    assert check.main([str(path), "0x" + DAVE.hex()]) == 2
    path.write_bytes(CONTENT.replace(b"10800000", b"10800001"))
    assert check.main([str(path)]) == 1
    assert "do not sum to its total" in capsys.readouterr().out
