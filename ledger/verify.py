"""Verify a Worldloom bundle offline: `python verify.py BUNDLE [--key VKEY] [--json]`.

One file, Python's standard library and `cryptography`, no network. What a bundle holds and each check below are
written down in docs/formats/bundle.md. Exit status: 0 it matches what was registered, 1 it does not, 2 wrong usage.
"""

import argparse
import base64
import hashlib
import json
import os
import re
import stat
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

MEMBERS = {
    *("README.txt", "certificate.jws", "checkpoint", "licensee.json", "log.vkey", "manifest.json"),
    *("terms.json", "terms.en.txt", "terms.zh-Hans.txt"),
    *("entries/grant.json", "entries/key.json", "entries/release.json"),
    *("proofs/grant.tlog-proof", "proofs/key.tlog-proof", "proofs/release.tlog-proof"),
}
SMALL_LIMIT_BYTES = 16 * 1024 * 1024
ENTRY_LIMIT_BYTES = 4096
DEPTH_LIMIT = 64
CHUNK_BYTES = 1024 * 1024
DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, ValueError, RuntimeError)


class Failed(Exception):
    """The first check that did not hold: where in the bundle, and what."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}")
        self.where = where
        self.what = what


def check(holds: bool, where: str, what: str) -> None:
    if not holds:
        raise Failed(where, what)


def show(text: str) -> str:
    """The text with nothing left in it that could deceive a terminal."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


# --- members: a zip file or a folder ---------------------------------------------------------------------
def is_safe(path: str) -> bool:
    """Whether the path stays inside its folder on any system."""
    odd = re.search(r"[\x00-\x1f\x7f\\]|^[A-Za-z]:", path)
    return not odd and not any(part in ("", ".", "..") for part in path.split("/"))


class Bundle:
    """The members by name, each opened on demand as a stream."""

    def __init__(self, path: Path) -> None:
        self.streams: dict[str, Callable[[], IO[bytes]]] = {}
        try:
            if path.is_dir():
                self._list_folder(path)
            else:
                self._list_zip(path.open("rb"))
        except DAMAGE as error:
            raise Failed("bundle", f"is not a zip file or is damaged ({error})") from None

    def _list_zip(self, file: IO[bytes]) -> None:
        archive = zipfile.ZipFile(file)
        file.seek(-22, os.SEEK_END)  # the end record of a zip without a comment
        end, starts = file.read(), (info.header_offset for info in archive.infolist())
        whole = end[:4] == b"PK\5\6" and end[20:] == b"\0\0" and min(starts, default=0) == 0
        check(whole, "bundle", "has bytes before or after the zip, or a comment in it")
        for info in archive.infolist():
            name, mode = info.filename, info.external_attr >> 16
            check(is_safe(name) and info.orig_filename == name, show(name), "is not a safe path")
            check(name not in self.streams, show(name), "is in the bundle twice")
            check(stat.S_IFMT(mode) in (0, stat.S_IFREG), show(name), "is not a plain file")
            plain = info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) and not info.flag_bits & 1
            check(plain, show(name), "is encrypted or compressed in another way than deflate")
            self.streams[name] = lambda info=info: archive.open(info)  # type: ignore[misc]

    def _list_folder(self, root: Path) -> None:
        for folder, subfolders, files in os.walk(root):
            for path in (Path(folder, name) for name in subfolders + files):
                mode = path.lstat().st_mode
                if not stat.S_ISDIR(mode):
                    name = path.relative_to(root).as_posix()
                    check(is_safe(name) and stat.S_ISREG(mode), show(name), "is not a plain file")
                    self.streams[name] = lambda path=path: path.open("rb")  # type: ignore[misc]

    def chunks(self, name: str, limit_bytes: int) -> Iterator[bytes]:
        """Yield the member's bytes; Failed when it is longer than the limit or damaged."""
        left = limit_bytes
        try:
            with self.streams[name]() as stream:
                while chunk := stream.read(CHUNK_BYTES):
                    left -= len(chunk)
                    check(left >= 0, show(name), f"is longer than {limit_bytes} bytes")
                    yield chunk
        except DAMAGE as error:
            raise Failed(show(name), f"is damaged ({error})") from None

    def read(self, name: str, limit_bytes: int = SMALL_LIMIT_BYTES) -> bytes:
        return b"".join(self.chunks(name, limit_bytes))

    def text(self, name: str) -> str:
        content = self.read(name)
        check(content.decode(errors="replace").encode() == content, name, "is not UTF-8")
        return content.decode()

    def digest(self, name: str) -> str:
        return hashlib.sha256(self.read(name)).hexdigest()


# --- RFC 8785 JSON of objects, arrays, strings, integers, true, false and null ---------------------------
def canonical(value: Any) -> str:
    if isinstance(value, dict):
        ordered = sorted(value.items(), key=lambda item: item[0].encode("utf-16-be"))
        return "{" + ",".join(f"{canonical(key)}:{canonical(item)}" for key, item in ordered) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def parse_json(content: bytes, where: str) -> dict[str, Any]:
    """Return the JSON object, whose bytes must be the RFC 8785 form of what they say."""
    depth = 0
    # Counted before parsing: a hostile depth could exhaust the stack of the process that verifies.
    for token in re.finditer(rb'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', content, re.DOTALL):
        depth += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(token[0], 0)
        check(depth <= DEPTH_LIMIT, where, f"is nested deeper than {DEPTH_LIMIT} levels")
    try:
        # A number that is no integer is read as a text, which is then written in another way than it was.
        value: dict[str, Any] = json.loads(content.decode(), parse_float=str, parse_constant=str)
        same = canonical(value).encode() == content
    except ValueError as error:
        raise Failed(where, f"is not JSON ({error})") from None
    check(same and isinstance(value, dict), where, "is not an object in canonical (RFC 8785) JSON with integers only")
    return value


def field(value: dict[str, Any], name: str, kind: type, where: str) -> Any:
    """Return the member, which must be there and be of the kind."""
    check(type(value.get(name)) is kind, where, f"{name!r} is missing or of the wrong kind")
    return value[name]


def unbase64(text: str, where: str, *, url: bool = False) -> bytes:
    """Decode base64, or base64url without padding; Failed unless it is spelled in the one canonical way."""
    try:
        padded = text + "=" * (-len(text) % 4) if url else text
        decoded = base64.b64decode(padded, altchars=b"-_" if url else None, validate=True)
    except ValueError:
        raise Failed(where, "holds invalid base64") from None
    spelled = base64.urlsafe_b64encode(decoded).rstrip(b"=") if url else base64.b64encode(decoded)
    check(spelled.decode() == text, where, "holds base64 that is not canonical")
    return decoded


# --- the log: signed note, checkpoint and proof (c2sp.org), Merkle tree (RFC 9162) ------------------------
def parse_vkey(line: str) -> tuple[str, bytes, bytes]:
    """Return name, 4-byte key id and 32-byte Ed25519 key of the c2sp.org/signed-note verifier key."""
    where = "log.vkey"
    name, key_id, encoded = [*line.split("+", 2), "", ""][:3]
    decoded = unbase64(encoded, where)
    check(len(decoded) == 33 and decoded[0] == 1 and bool(name), where, "is not an Ed25519 verifier key")
    computed = hashlib.sha256(name.encode() + b"\n" + decoded).digest()[:4]
    check(key_id == computed.hex(), where, "has a hash that is not that of its name and key")
    return name, computed, decoded[1:]


def open_checkpoint(note: str, vkey: tuple[str, bytes, bytes]) -> tuple[int, bytes]:
    """Return size and root of a checkpoint that the key signed and whose origin is the key's name."""
    where, (name, key_id, public) = "checkpoint", vkey
    head, _, signatures = note.rpartition("\n\n")
    signed = False
    for line in signatures.split("\n")[:-1]:
        dash, signer, encoded = [*line.split(" ", 2), "", ""][:3]
        check(dash == "—" and bool(signer), where, "has a malformed signature line")
        signature = unbase64(encoded, where)
        if signer == name and signature[:4] == key_id:
            try:
                ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signature[4:], f"{head}\n".encode())
            except (InvalidSignature, ValueError):
                raise Failed(where, "its signature by the log key does not verify") from None
            signed = True
    check(signed and signatures.endswith("\n"), where, f"is not a note signed by the log key of {show(name)}")
    lines = head.split("\n")
    check(len(lines) == 3 and lines[0] == name, where, f"is not a checkpoint of {show(name)}")
    root = unbase64(lines[2], where)
    check(bool(re.fullmatch(r"[1-9][0-9]{0,18}", lines[1])) and len(root) == 32, where, "has a bad size or root")
    return int(lines[1]), root


def root_of(entry: bytes, index: int, size: int, proof: Sequence[bytes], where: str) -> bytes:
    """Return the root that the inclusion proof leads to: RFC 9162 section 2.1.3.2."""
    check(index < size, where, f"leaf {index} is not in a tree of {size}")
    position, last = index, size - 1
    root = hashlib.sha256(b"\x00" + entry).digest()
    for sibling in proof:
        check(last > 0, where, "the proof is too long")
        is_right = position & 1 or position == last
        root = hashlib.sha256(b"\x01" + (sibling + root if is_right else root + sibling)).digest()
        while is_right and position and not position & 1:
            position, last = position >> 1, last >> 1
        position, last = position >> 1, last >> 1
    check(last == 0, where, "the proof is too short")
    return root


def check_proof(bundle: Bundle, kind: str, entry: bytes, note: str, size: int, root: bytes) -> int:
    """Return the leaf index that a c2sp.org/tlog-proof proves the entry to be at, under this very note."""
    where = f"proofs/{kind}.tlog-proof"
    head, _, checkpoint = bundle.text(where).partition("\n\n")
    check(checkpoint == note, where, "carries another checkpoint than the bundle's")
    form = re.fullmatch(r"c2sp\.org/tlog-proof@v1\nindex (0|[1-9][0-9]{0,18})((?:\n[^\n]+)*)", head)
    if form is None:
        raise Failed(where, "is not a tlog-proof without extra data")
    hashes = [unbase64(line, where) for line in form[2].split("\n")[1:]]
    check(all(len(one) == 32 for one in hashes), where, "has a hash that is not 32 bytes")
    index = int(form[1])
    check(root_of(entry, index, size, hashes, where) == root, where, f"{kind} is not leaf {index} of the log")
    return index


# --- the certificate: JWS (RFC 7515) under ES256 (RFC 7518) ----------------------------------------------
def open_certificate(token: str, key: dict[str, Any]) -> dict[str, Any]:
    """Return the claims of the certificate, signed by the key that the key entry registers."""
    where, registry = "certificate.jws", "entries/key.json"
    parts = token.split(".")
    check(len(parts) == 3, where, "is not a compact JWS")
    header, payload, signature = (unbase64(part, where, url=True) for part in parts)
    kid, jwk = field(key, "kid", str, registry), field(key, "public_jwk", dict, registry)
    due = {"alg": "ES256", "kid": kid, "typ": "worldloom-license+jwt"}
    check(parse_json(header, where) == due, where, "its header is not that of a license by the registered key")
    purpose = (key.get("use"), key.get("alg"), jwk.get("crv"))
    check(purpose == ("certificates", "ES256", "P-256"), registry, "does not register a key for certificates")
    thumbprint = hashlib.sha256(canonical(jwk).encode()).digest()
    check(unbase64(kid, registry, url=True) == thumbprint, registry, "its kid is not its key's thumbprint")
    x, y = (unbase64(field(jwk, name, str, registry), registry, url=True) for name in "xy")
    check(len(signature) == 64, where, "its signature is not 64 bytes")
    r, s, px, py = (int.from_bytes(part, "big") for part in (signature[:32], signature[32:], x, y))
    try:
        public = ec.EllipticCurvePublicNumbers(px, py, ec.SECP256R1()).public_key()
        public.verify(encode_dss_signature(r, s), f"{parts[0]}.{parts[1]}".encode(), ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        raise Failed(where, "its signature does not verify") from None
    return parse_json(payload, where)


# --- the checks, in the order of docs/formats/bundle.md ---------------------------------------------------
def check_manifest(bundle: Bundle) -> tuple[dict[str, Any], str]:
    """Return the manifest and its digest, once the bundle holds exactly what it should."""
    where = "manifest.json"
    check(where in bundle.streams, where, "is missing")
    manifest = parse_json(bundle.read(where), where)
    check(manifest.get("format") == "worldloom/release-manifest/1", where, "is of another format")
    expected = set(MEMBERS)
    for asset in field(manifest, "assets", list, where):
        check(isinstance(asset, dict), where, "lists an asset that is not an object")
        path, digest = field(asset, "path", str, where), field(asset, "sha256", str, where)
        check(is_safe(path) and f"files/{path}" not in expected, where, f"lists {show(path)} twice or unsafely")
        sound = re.fullmatch(r"[0-9a-f]{64}", digest) and field(asset, "size_bytes", int, where) >= 0
        check(bool(sound), where, f"lists {show(path)} without a proper digest and size")
        expected.add(f"files/{path}")
    for name in sorted(expected - bundle.streams.keys()):
        raise Failed(show(name), "is missing")
    for name in sorted(bundle.streams.keys() - expected - {"anchor.json"}):
        raise Failed(show(name), "does not belong to the bundle")
    return manifest, bundle.digest(where)


def check_files(bundle: Bundle, assets: list[dict[str, Any]]) -> None:
    """Compare each file with the manifest's digest and size, in memory that does not grow."""
    for asset in assets:
        name, digest, size = f"files/{asset['path']}", hashlib.sha256(), 0
        for chunk in bundle.chunks(name, asset["size_bytes"]):
            digest.update(chunk)
            size += len(chunk)
        check(size == asset["size_bytes"], show(name), f"has {size} bytes instead of {asset['size_bytes']}")
        check(digest.hexdigest() == asset["sha256"], show(name), "is not the file that was registered")


def check_entries(bundle: Bundle, note: str, size: int, root: bytes) -> dict[str, tuple[int, dict[str, Any]]]:
    """Return leaf index and body of the release, grant and key entries, each proven to be in the log."""
    found = {}
    for kind in ("release", "grant", "key"):
        name = f"entries/{kind}.json"
        content = bundle.read(name, ENTRY_LIMIT_BYTES)
        entry = parse_json(content, name)
        known = entry.get("format") in ("worldloom/ledger-entry/1", "worldloom/ledger-entry/2")
        check(known and entry.get("type") == kind, name, f"is not a {kind} entry of this format")
        found[kind] = check_proof(bundle, kind, content, note, size, root), field(entry, "body", dict, name)
    return found


def check_license(bundle: Bundle, digest: str, grant: dict[str, Any], key: dict[str, Any]) -> str:
    """Return the licensee's name, once terms, licensee and certificate are those of the grant entry."""
    check(grant.get("release") == digest, "entries/grant.json", "is a grant for another release")
    bound = {"terms.json": "terms", "licensee.json": "licensee_commitment", "certificate.jws": "certificate"}
    for name, member in bound.items():
        check(bundle.digest(name) == grant.get(member), name, f"is not the {member} in the grant entry")
    parse_json(bundle.read("terms.json"), "terms.json")
    licensee = parse_json(bundle.read("licensee.json"), "licensee.json")
    check(licensee.get("format") == "worldloom/licensee/1", "licensee.json", "is of another format")
    claims = open_certificate(bundle.text("certificate.jws"), key)
    texts = field(claims, "terms_texts", dict, "certificate.jws")
    for language in ("en", "zh-Hans"):
        text = f"terms.{language}.txt"
        check(texts.get(language) == bundle.digest(text), text, "is not the text that the certificate names")
    holder: str = field(licensee, "name", str, "licensee.json")
    due = {"jti": grant.get("grant"), "release": digest, "terms": grant.get("terms"), "licensee": holder}
    for claim, value in due.items():
        check(claims.get(claim) == value, "certificate.jws", f"its claim {claim!r} is not that of the grant")
    return holder


def check_anchor(bundle: Bundle, size: int, root: bytes) -> list[str]:
    """Return what must be asked of the chain, nothing when the bundle names no anchor."""
    where = "anchor.json"
    if where not in bundle.streams:
        return []
    anchor = parse_json(bundle.read(where, ENTRY_LIMIT_BYTES), where)
    texts, numbers = {"contract", "transaction", "root"}, {"chain_id", "block_number", "size"}
    check(anchor.keys() == texts | numbers, where, "has other members than it should")
    for name in anchor:
        field(anchor, name, str if name in texts else int, where)
    check(anchor["size"] >= size, where, f"covers only {anchor['size']} of the {size} leaves")
    same = anchor["size"] == size
    check(not same or anchor["root"] == root.hex(), where, "is about another tree of the same size")
    which = "this tree" if same else f"a later tree of {anchor['size']} leaves"
    return [f"the anchor of {which} in transaction {anchor['transaction']} of chain {anchor['chain_id']}"]


def verify(path: Path, trusted_key: str | None = None) -> dict[str, Any]:
    """Return what was verified; Failed names the first thing that does not hold."""
    bundle = Bundle(path)
    manifest, digest = check_manifest(bundle)
    vkey, note = bundle.text("log.vkey"), bundle.text("checkpoint")
    check(vkey.endswith("\n") and "\n" not in vkey[:-1], "log.vkey", "is not one line")
    check(trusted_key in (None, vkey[:-1]), "log.vkey", f"is not the key that you gave, {trusted_key}")
    log_key = parse_vkey(vkey[:-1])
    origin, (size, root) = log_key[0], open_checkpoint(note, log_key)
    entries = check_entries(bundle, note, size, root)
    (_, release), (index, grant), (_, key) = (entries[kind] for kind in ("release", "grant", "key"))
    due = {"release": digest, "pack": manifest.get("pack"), "version": manifest.get("version")}
    for name, value in due.items():
        check(release.get(name) == value, "entries/release.json", f"its {name} is not that of the manifest")
    licensee = check_license(bundle, digest, grant, key)
    unchecked = ["whether the license was revoked later", "what README.txt says", *check_anchor(bundle, size, root)]
    bundle.read("README.txt")  # for the zip's checksum; nothing registered binds its text
    check_files(bundle, manifest["assets"])
    facts = {"files": len(manifest["assets"]), "licensee": licensee, "grant": grant.get("grant"), "entry": index}
    log = {"origin": origin, "size": size, "root": root.hex(), "key": vkey[:-1], "key_given": bool(trusted_key)}
    return {"ok": True, **due, **facts, **log, "unchecked": unchecked}


def sentence(found: dict[str, Any]) -> str:
    source = "which you gave" if found["key_given"] else "from the bundle itself: compare it with the published key"
    return (
        f"OK: {found['files']} files match what was registered: {found['pack']} {found['version']}, licensed to "
        f"{found['licensee']}, entry {found['entry']} of log {found['origin']} (key {found['key']}, {source}); "
        f"not checked offline: {', '.join(found['unchecked'])}."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="verify", description="Verify a Worldloom bundle offline.")
    parser.add_argument("bundle", type=Path, help="the zip file or the folder")
    parser.add_argument("--key", metavar="VKEY", help="the log's verifier key, from where it is published")
    parser.add_argument("--json", action="store_true", help="print a JSON object instead of a sentence")
    options = parser.parse_args(arguments)
    if not options.bundle.exists():
        parser.error(f"there is no {options.bundle}")
    try:
        found, told = verify(options.bundle, options.key), ""
    except Failed as failure:
        found, told = {"ok": False, "where": failure.where, "what": failure.what}, f"FAILED: {failure}."
    output = json.dumps(found) if options.json else show(told or sentence(found))
    print(output.encode(sys.stdout.encoding or "utf-8", "backslashreplace").decode(sys.stdout.encoding or "utf-8"))
    return 0 if found["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
