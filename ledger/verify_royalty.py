"""Verify that a royalty line is in the log: `python verify_royalty.py PROOF.json [--statement FILE] [--key VKEY]`.

One file, `cryptography`, no network; docs/formats/royalty-statement.md says what is checked. With the statement as
JSON, also that it is the one that is proven, that it adds up, and that the line is in it. Exit: 0 good, 1 not, 2
wrong usage.
"""

import argparse
import base64
import hashlib
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PROOF, LINE, LEAF, STATEMENT = (
    f"worldloom/royalty-{name}/1" for name in ("proof", "line", "statement-leaf", "statement")
)
FIELDS = {"entry", "format", "key", "log", "statement", "statement_index", "statement_path"}
LINE_FIELDS = {"line", "line_index", "line_path"}
LINE_SAYS = {
    *("amount_minor", "creator", "currency", "fee_minor", "format", "gross_minor", "line", "net_minor", "period"),
    *("sale", "salt", "share_ppb", "sold_at", "split", "tax_minor", "transaction"),
}
LEAF_SAYS = {
    *("closing_minor", "creator", "currency", "digest", "format", "lines", "lines_root", "opening_minor"),
    *("period", "salt"),
}
WHOLE_PPB = 1_000_000_000


class Failed(Exception):
    """The first check that did not hold; its arguments are where, and what."""


def check(holds: bool, where: str, what: str) -> None:
    if not holds:
        raise Failed(where, what)


def show(text: str) -> str:
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def read_json(text: str, where: str) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        check(len(dict(pairs)) == len(pairs), where, "names something twice")
        return dict(pairs)

    def refuse(number: str) -> Any:
        raise Failed(where, f"has the number {number[:30]}, which is no integer")

    try:
        return json.loads(text, object_pairs_hook=once, parse_float=refuse, parse_constant=refuse)
    except (ValueError, RecursionError):
        raise Failed(where, "is not JSON") from None


def canonical(document: Any) -> bytes:
    """Write what has ASCII names and integers as RFC 8785 does."""
    return json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def number(value: Any, where: str) -> int:
    """Return an amount: an integer, or its digits as a string where not every reader would read it exactly."""
    text = isinstance(value, str) and bool(re.fullmatch(r"-?[1-9][0-9]{15,18}", value))
    check(text or type(value) is int, where, f"{show(str(value))[:40]} is no amount")
    return int(value)


def unhex(text: Any, where: str) -> bytes:
    check(isinstance(text, str) and bool(re.fullmatch(r"[0-9a-f]{64}", text)), where, "has a hash that is not SHA-256")
    return bytes.fromhex(text)


def unbase64(text: str, where: str) -> bytes:
    try:
        found = base64.b64decode(text, validate=True)
    except ValueError:
        raise Failed(where, "has broken base64") from None
    check(base64.b64encode(found).decode() == text, where, "has base64 that is not canonical")
    return found


def climb(index: Any, size: int, leaf: bytes, path: Sequence[bytes], where: str) -> bytes:
    """Return the root that a path leads to from leaf `index`: RFC 9162 section 2.1.3.2."""
    check(type(index) is int and 0 <= index < size, where, f"leaf {index} is not in a tree of {size}")
    position, last = index, size - 1
    found = hashlib.sha256(b"\x00" + leaf).digest()
    for sibling in path:
        check(last > 0, where, "its path is too long")
        is_right = position & 1 or position == last
        found = hashlib.sha256(b"\x01" + (sibling + found if is_right else found + sibling)).digest()
        while is_right and position and not position & 1:
            position, last = position >> 1, last >> 1
        position, last = position >> 1, last >> 1
    check(last == 0, where, "its path is too short")
    return found


def open_checkpoint(key: str, note: str) -> tuple[str, int, bytes]:
    """Return origin, size and root of a c2sp.org/tlog-checkpoint that the key, a c2sp.org/signed-note vkey, signed."""
    where, parts = "log", key.split("+", 2)
    check(len(parts) == 3, "key", "is not a verifier key")
    origin, raw = parts[0], unbase64(parts[2], "key")
    key_id = hashlib.sha256(origin.encode() + b"\n" + raw).digest()[:4]
    check(len(raw) == 33 and raw[0] == 1 and key_id.hex() == parts[1], "key", "is not an Ed25519 verifier key")
    head, separator, tail = note.rpartition("\n\n")
    check(bool(separator) and tail.endswith("\n"), where, "carries no signed checkpoint")
    body, is_signed = head + "\n", False
    for line in tail[:-1].split("\n"):
        name, _, encoded = line.removeprefix("— ").partition(" ")
        signature = unbase64(encoded, where)
        if name == origin and signature[:4] == key_id:
            try:
                Ed25519PublicKey.from_public_bytes(raw[1:]).verify(signature[4:], body.encode())
            except (InvalidSignature, ValueError):
                raise Failed(where, "the checkpoint's signature does not verify") from None
            is_signed = True
    check(is_signed, where, f"the checkpoint is not signed by {show(key)}")
    lines = body.split("\n")
    sound = len(lines) >= 4 and lines[0] == origin and bool(re.fullmatch(r"[1-9][0-9]{0,18}", lines[1]))
    check(sound, where, "the checkpoint is malformed or of another log")
    root = unbase64(lines[2], where)
    check(len(root) == 32, where, "the checkpoint's root is not 32 bytes")
    return origin, int(lines[1]), root


def check_log(proof: dict[str, Any]) -> tuple[str, int]:
    """Return the log's origin and the entry's index, once the entry is a leaf under the signed checkpoint."""
    where = "log"
    head, separator, note = proof["log"].partition("\n\n")
    form = re.fullmatch(r"c2sp\.org/tlog-proof@v1\nindex (0|[1-9][0-9]{0,18})((?:\n[^\n]+)*)", head)
    check(bool(separator) and form is not None, where, "is not a tlog-proof without extra data")
    assert form is not None
    origin, size, root = open_checkpoint(proof["key"], note)
    path = [unbase64(line, where) for line in form[2].split("\n")[1:]]
    check(all(len(one) == 32 for one in path), where, "has a hash that is not 32 bytes")
    index = int(form[1])
    check(climb(index, size, proof["entry"].encode(), path, where) == root, where, f"the entry is not leaf {index}")
    return origin, index


def check_leaves(proof: dict[str, Any], entry: dict[str, Any]) -> None:
    """Check that the line is under the statement's root, and the statement under the entry's."""
    body, leaf = entry.get("body"), proof["statement"]
    known = entry.get("format") == "worldloom/ledger-entry/2" and entry.get("type") == "royalty-statement"
    check(known and isinstance(body, dict), "entry", "is not a royalty-statement entry")
    assert isinstance(body, dict)
    sound = isinstance(leaf, dict) and leaf.keys() == LEAF_SAYS and leaf["format"] == LEAF
    check(sound, "statement", "does not say what a statement's leaf says")
    for name in ("period", "currency"):
        check(leaf[name] == body.get(name), "statement", f"is of another {name} than the entry")
    check(type(body.get("statements")) is int, "entry", "does not count its statements")
    path = [unhex(one, "statement_path") for one in proof["statement_path"]]
    root = climb(proof["statement_index"], body["statements"], canonical(leaf), path, "statement_path")
    check(root.hex() == body.get("root"), "statement_path", "does not lead to the root in the entry")
    if "line" not in proof:
        return
    line = proof["line"]
    sound = isinstance(line, dict) and line.keys() == LINE_SAYS and line["format"] == LINE
    check(sound, "line", "does not say what a royalty line says")
    for name in ("creator", "period", "currency"):
        check(line[name] == leaf[name], "line", f"is of another {name} than the statement")
    check(type(leaf["lines"]) is int, "statement", "does not count its lines")
    path = [unhex(one, "line_path") for one in proof["line_path"]]
    root = climb(proof["line_index"], leaf["lines"], canonical(line), path, "line_path")
    check(root.hex() == leaf["lines_root"], "line_path", "does not lead to the statement's root of lines")
    check_amounts(line)


def check_amounts(line: dict[str, Any]) -> None:
    """Check that the amounts of a line belong together: gross, net, and the share of it to within one unit."""
    gross, tax, fee, net, amount = (
        number(line[f"{name}_minor"], "line") for name in ("gross", "tax", "fee", "net", "amount")
    )
    check(gross == tax + fee + net, "line", "its net is not its gross less tax and fee")
    share = number(line["share_ppb"], "line")
    check(0 < share <= WHOLE_PPB, "line", "its share is not within the whole")
    quotient = net * share // WHOLE_PPB
    check(quotient <= amount <= quotient + 1, "line", "its amount is not its share of the net")


def check_statement(content: bytes, proof: dict[str, Any]) -> None:
    """Check that the statement is the one that is proven, that it adds up, and that the line is in it."""
    where, leaf = "the statement's file", proof["statement"]
    check(hashlib.sha256(content).hexdigest() == leaf["digest"], where, "is not the one whose digest is proven")
    said = read_json(content.decode("utf-8", "replace"), where)
    check(isinstance(said, dict) and said.get("format") == STATEMENT, where, "is not a statement")
    for name in ("creator", "period", "currency", "opening_minor", "closing_minor"):
        check(said.get(name) == leaf[name], where, f"says another {name} than what is proven")
    moved = sum(number(line["amount_minor"], where) for line in said["lines"])
    opening, closing = number(said["opening_minor"], where), number(said["closing_minor"], where)
    check(opening + moved == closing, where, "opening and lines do not come to closing")
    kept = {name: number(amount, where) for name, amount in said["buckets"].items()}
    check(sum(kept.values()) - 2 * kept["owed"] == closing, where, "where the money is does not come to closing")
    royalties = [part for line in said["lines"] for part in line["parts"] if part["what"] == "royalty"]
    check(len(royalties) == leaf["lines"], where, "has not the lines that are counted")
    if "line" in proof:
        due = {name: proof["line"][name] for name in LINE_SAYS if name in royalties[0]} if royalties else {}
        found = [part for part in royalties if part["line"] == proof["line"]["line"]]
        matches = len(found) == 1 and {name: found[0][name] for name in due} == due
        check(matches, where, "does not have the line as it is proven")


def verify(content: bytes, statement: bytes | None = None, trusted_key: str | None = None) -> dict[str, Any]:
    """Return what was verified; Failed names the first thing that does not hold."""
    proof = read_json(content.decode("utf-8", "replace"), "proof")
    sound = isinstance(proof, dict) and proof.keys() - LINE_FIELDS == FIELDS and proof["format"] == PROOF
    check(sound and len(proof.keys() & LINE_FIELDS) in (0, 3), "proof", "is not a royalty proof")
    kinds = {"entry": str, "key": str, "log": str, "statement_path": list, "line_path": list}
    for name, kind in kinds.items():
        check(isinstance(proof.get(name, kind()), kind), name, "is of the wrong kind")
    check(trusted_key in (None, proof["key"]), "key", "is not the key that you gave")
    origin, index = check_log(proof)
    check_leaves(proof, read_json(proof["entry"], "entry"))
    if statement is not None:
        try:
            check_statement(statement, proof)
        except (KeyError, TypeError, AttributeError):
            raise Failed("the statement's file", "lacks something or is of the wrong kind") from None
    leaf = proof["statement"]
    facts = {name: leaf[name] for name in ("creator", "period", "currency", "opening_minor", "closing_minor")}
    line = {name: proof["line"][name] for name in ("line", "sale", "amount_minor")} if "line" in proof else None
    log = {"origin": origin, "entry": index, "key": proof["key"], "key_given": bool(trusted_key)}
    return {"ok": True, **facts, "line": line, **log, "statement": statement is not None}


def sentence(found: dict[str, Any]) -> str:
    what = f"the statement of {found['creator']} for {found['period']} in {found['currency']}"
    if line := found["line"]:
        what = f"line {line['line']} ({line['amount_minor']} minor units of sale {line['sale']}) is in {what}, which"
    source = "which you gave" if found["key_given"] else "from the proof itself: compare it with the published key"
    adds = " The file of the statement is the one that is proven, and it adds up." if found["statement"] else ""
    return f"OK: {what} is under entry {found['entry']} of log {found['origin']} (key {found['key']}, {source}).{adds}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="verify_royalty", description="Verify a Worldloom royalty proof offline.")
    parser.add_argument("proof", type=Path, help="the proof as JSON")
    parser.add_argument("--statement", type=Path, metavar="FILE", help="the statement as JSON")
    parser.add_argument("--key", metavar="VKEY", help="the log's verifier key, from where it is published")
    parser.add_argument("--json", action="store_true", help="print a JSON object instead of a sentence")
    options = parser.parse_args(arguments)
    try:
        content = options.proof.read_bytes()
        statement = options.statement.read_bytes() if options.statement else None
    except OSError as error:
        parser.error(f"there is no {show(str(error.filename))}")
    try:
        found, told = verify(content, statement, options.key), ""
    except Failed as fault:
        found, told = {"ok": False, "where": fault.args[0], "what": fault.args[1]}, f"FAILED: {': '.join(fault.args)}."
    output = json.dumps(found) if options.json else show(told or sentence(found))
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(output.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    return 0 if found["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
