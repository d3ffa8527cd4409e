"""Proofs that a royalty line is in the log: by a program that has none of our code, and by one of others."""

import base64
import copy
import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from tlog_scales import signing, tlog

import ledger.operations
from ledger import verify_royalty
from ledger.log.merkle import leaf_hash
from marketplace.payouts.models import RoyaltyLine
from marketplace.payouts.operations import allocate_royalties, close_month, ensure_split, record_sale
from marketplace.payouts.rules import Money
from marketplace.payouts.statement_papers.tree import Tree, proven
from marketplace.payouts.statement_proofs import proof_of, statement_with
from marketplace.payouts.statement_queries import closed, written_as
from tests.payouts.cast import NOON, add_creator

DECEMBER = datetime(2026, 12, 1, tzinfo=UTC)


_MADE: dict[str, Any] = {}


@pytest.fixture
def proofs(request):
    """What `made` makes, once: proofs are plain data, and most of these tests need no database."""
    if not _MADE:
        request.getfixturevalue("committed")
        _MADE.update(made())
    return _MADE


def made():
    """Alice, Bob and Erin share in five sales; the month is closed and in the log. Creator → her proofs."""
    people = [add_creator(name, number) for number, name in enumerate(("alice", "bob", "erin"), start=1)]
    split = ensure_split(
        own=dict(zip(people, (500_000_000, 300_000_000, 200_000_000), strict=True)), parents=[], now=NOON
    )
    for number in range(5):
        gross = Money(1001 + number, "USD")
        record_sale(source=f"order-line:{number}", split=split, gross=gross, tax_minor=7, fee_minor=99, now=NOON)
    allocate_royalties(now=NOON)
    period = close_month(period="2026-11", currency="USD", now=DECEMBER)
    row = period.rows.get(creator=people[0])
    assert proof_of(row) is None  # nothing is sealed yet
    ledger.operations.register_keys(now=DECEMBER)
    ledger.operations.seal(now=DECEMBER)
    told = {}
    for person in people:
        lines = RoyaltyLine.objects.filter(payee=person).order_by("pk").values_list("pk", flat=True)
        row = statement_with(person, line=lines[0])
        told[person.handle] = [proof_of(row, line=line) for line in lines]
        statement = closed(person, period="2026-11", currency="USD")
        told[f"{person.handle}'s statement"] = b"".join(written_as(statement, "json", language="en", site=""))
        told[f"{person.handle}'s"] = proof_of(row)
    return told


def says(proof, statement=None, key=None):
    return verify_royalty.verify(json.dumps(proof).encode(), statement, key)


def refused(proof, statement=None, key=None):
    with pytest.raises(verify_royalty.Failed) as failed:
        says(proof, statement, key)
    return failed.value.args[0]


def by_hand(leaves):
    """RFC 9162, section 2.1.1, as it is written there."""
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + by_hand(leaves[:k]) + by_hand(leaves[k:])).digest()


def test_every_line_is_proven_by_a_program_of_its_own(proofs):
    for handle in ("alice", "bob", "erin"):
        for proof in proofs[handle]:
            found = says(proof, proofs[f"{handle}'s statement"], proof["key"])
            assert (found["ok"], found["period"], found["entry"]) == (True, "2026-11", found["entry"])
            assert found["line"]["sale"].startswith("order-line:")
        assert says(proofs[f"{handle}'s"], proofs[f"{handle}'s statement"])["line"] is None


def test_an_implementation_by_others_agrees(proofs):
    for proof in proofs["alice"] + proofs["bob"] + proofs["erin"]:
        leaf, body = proof["statement"], json.loads(proof["entry"])["body"]
        for document, index, size, path, root in (
            (proof["line"], proof["line_index"], leaf["lines"], proof["line_path"], leaf["lines_root"]),
            (
                leaf,
                proof["statement_index"],
                body["statements"],
                proof["statement_path"],
                body["root"],
            ),
        ):
            told = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
            inclusion = tlog.InclusionProof(index, size, [bytes.fromhex(one) for one in path])
            inclusion.check(sha256(b"\x00" + told).digest(), bytes.fromhex(root))
        head, _, note = proof["log"].partition("\n\n")
        _first, index, *path = head.split("\n")
        checkpoint = tlog.Checkpoint.from_text(note)
        inclusion = tlog.InclusionProof(
            int(index.removeprefix("index ")), checkpoint.size, [base64.b64decode(one) for one in path]
        )
        inclusion.check(sha256(b"\x00" + proof["entry"].encode()).digest(), checkpoint.root_hash)
        checkpoint.verify(signing.Vkey.from_string(proof["key"]))


@pytest.mark.parametrize(
    "name",
    [
        "amount_minor",
        "gross_minor",
        "net_minor",
        "sale",
        "sold_at",
        "share_ppb",
        "split",
        "salt",
        "line",
        "transaction",
    ],
)
def test_a_line_that_was_changed_is_refused(proofs, name):
    proof = copy.deepcopy(proofs["alice"][0])
    value = proof["line"][name]
    proof["line"][name] = value + 1 if isinstance(value, int) else "x" + value[1:]

    assert refused(proof) == "line_path"


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("opening_minor", "statement_path"),
        ("digest", "statement_path"),
        ("lines_root", "statement_path"),
        ("period", "statement"),
        ("currency", "statement"),
    ],
)
def test_a_statement_that_was_changed_is_refused(proofs, name, where):
    proof = copy.deepcopy(proofs["alice"][0])
    value = proof["statement"][name]
    proof["statement"][name] = value + 1 if isinstance(value, int) else "0" + value[:-1]

    assert refused(proof) == where


def test_wrong_siblings_and_places_are_refused(proofs):
    for name in ("line_path", "statement_path"):
        for bend in (
            lambda path: path[::-1] if path[::-1] != path else [*path, path[0]],
            lambda path: path[1:],
            lambda path: [*path, path[0]],
            lambda path: ["00" * 32, *path[1:]],
        ):
            proof = copy.deepcopy(proofs["alice"][1])
            proof[name] = bend(proof[name])
            assert refused(proof) == name
    for name, where in (("line_index", "line_path"), ("statement_index", "statement_path")):
        for index in (-1, 2, 10**6, True, "1", None):
            proof = copy.deepcopy(proofs["alice"][1]) | {name: index}
            assert refused(proof) == where, index


def test_anothers_proof_is_refused(proofs):
    alices, bobs = proofs["alice"][0], proofs["bob"][0]

    assert refused(alices | {"line": bobs["line"]}) == "line"
    assert refused(alices | {name: bobs[name] for name in ("line", "line_index", "line_path")}) == "line"
    assert refused(alices | {"statement": bobs["statement"]}) == "statement_path"
    assert refused(alices | {"statement_path": bobs["statement_path"]}) == "statement_path"
    assert refused(alices, proofs["bob's statement"]) == "the statement's file"
    assert refused(alices | {"line": proofs["alice"][1]["line"]}) == "line_path"


def test_another_log_is_refused(proofs):
    proof = proofs["alice"][0]
    other = proof["key"].replace("+", "+0", 1)

    assert refused(proof, key=other) == "key"
    assert refused(proof | {"key": other}) == "key"
    assert refused(proof | {"entry": proof["entry"].replace("2026-11", "2026-10", 1)}) == "log"
    head, _, note = proof["log"].partition("\n\n")
    lines = note.split("\n")
    assert refused(proof | {"log": f"{head}\n\n" + note.replace(lines[1], lines[1] + "0", 1)}) == "log"
    assert refused(proof | {"log": head}) == "log"


def test_a_statement_that_does_not_add_up_is_refused_even_when_its_digest_is_proven(proofs):
    proof, content = proofs["alice's"], proofs["alice's statement"]
    bent = content.replace(b'"opening_minor":0', b'"opening_minor":1')

    assert bent != content
    assert refused(proof, bent) == "the statement's file"
    leaf = proof["statement"] | {"digest": sha256(bent).hexdigest(), "opening_minor": 1}
    with pytest.raises(verify_royalty.Failed, match="do not come to closing"):
        verify_royalty.check_statement(bent, {"statement": leaf})


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"\xff", b'{"format":"worldloom/royalty-proof/1"}', b"1e400", b"[" * 9999]
)
def test_what_is_no_proof_is_refused(content):
    with pytest.raises(verify_royalty.Failed):
        verify_royalty.verify(content)


def test_the_file_alone_is_a_program(proofs, tmp_path):
    shutil.copy(verify_royalty.__file__, tmp_path / "check.py")
    (tmp_path / "proof.json").write_text(json.dumps(proofs["bob"][2], ensure_ascii=False), encoding="utf-8")
    (tmp_path / "statement.json").write_bytes(proofs["bob's statement"])
    bent = proofs["bob"][2] | {"line_index": 0}
    (tmp_path / "bent.json").write_text(json.dumps(bent), encoding="utf-8")

    def run(*arguments: str):
        command = [sys.executable, "-I", str(tmp_path / "check.py"), *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    good = run("proof.json", "--statement", "statement.json", "--key", proofs["bob"][2]["key"])
    assert (good.returncode, good.stdout[:9], "it adds up" in good.stdout) == (0, "OK: line ", True)
    bad = run("bent.json")
    assert (bad.returncode, bad.stdout.startswith("FAILED: line_path")) == (1, True)
    assert json.loads(run("bent.json", "--json").stdout)["ok"] is False
    assert run("nothing.json").returncode == 2


def test_a_salt_betrays_no_other_leaf(proofs):
    salts = [proof["line"]["salt"] for proof in proofs["alice"]] + [proofs["alice"][0]["statement"]["salt"]]

    assert len(set(salts)) == 6
    assert all(len(salt) == 64 for salt in salts)


def test_paths_over_leaves_that_stream_are_those_of_the_standard():
    for size in (1, 2, 3, 5, 8, 33, 4097, 8200):
        leaves = [str(number).encode() for number in range(size)]
        for index in {0, size // 2, size - 1}:
            root, path = proven((leaf_hash(leaf) for leaf in leaves), size, index)
            assert root == by_hand(leaves)
            tlog.InclusionProof(index, size, path).check(sha256(b"\x00" + leaves[index]).digest(), root)
    for size, index in ((0, 0), (3, 3), (3, -1)):
        with pytest.raises(ValueError, match="is not in a tree"):
            proven(iter(()), size, index)
    with pytest.raises(ValueError, match="leaves are missing"):
        proven(iter([leaf_hash(b"0")]), 2, 0)


def test_a_tree_that_is_added_to_has_the_root_of_the_standard():
    tree = Tree()
    documents = [{"number": number} for number in range(9000)]
    for document in documents:
        tree.add(document)

    assert tree.root() == by_hand([json.dumps(one, separators=(",", ":")).encode() for one in documents]).hex()
    assert Tree().root() == sha256(b"").hexdigest()


def test_the_published_file_is_this_one(client):
    answer = client.get("/verify_royalty.py")

    assert answer.content == Path(verify_royalty.__file__).read_bytes()
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
