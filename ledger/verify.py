"""Verify a Worldloom bundle offline: `python verify.py BUNDLE [--key VKEY] [--json]`.

One file, `cryptography`, no network; docs/formats/bundle.md says what is checked. Exit: 0 good, 1 not, 2 wrong usage.
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
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from pathlib import Path
from typing import IO, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from cryptography.hazmat.primitives.hashes import SHA256

ENTRIES = ("entries/%s.json", "proofs/%s.tlog-proof")
TERMS, FORMATS = {"terms.json", "terms.en.txt", "terms.zh-Hans.txt"}, [f"worldloom/release-manifest/{n}" for n in "12"]
MEMBERS = {"README.txt", "certificate.jws", "checkpoint", "licensee.json", "log.vkey", "manifest.json", *TERMS}
MEMBERS |= {name % kind for name in ENTRIES for kind in ("release", "grant", "key")}
CREATOR = {name % "creator-key" for name in ENTRIES}
FOR_OTHERS = {"README.txt", "credentialed", "model.sigstore.json", "receipt.cose"}
SMALL_LIMIT_BYTES, ENTRY_LIMIT_BYTES, CHUNK_BYTES = 16 << 20, 4096, 1 << 20
DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, ValueError, RuntimeError)


class Failed(Exception):
    """The first check that did not hold; its arguments are where in the bundle, and what."""


def check(holds: bool, where: str, what: str) -> None:
    if not holds:
        raise Failed(where, what)


def show(text: str) -> str:
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def is_safe(path: str) -> bool:
    return not re.search(r"[\x00-\x1f\x7f\\]|^[A-Za-z]:|(^|/)\.{0,2}(/|$)", path)


class Bundle:
    """The members by name, each opened on demand as a stream."""

    def __init__(self, path: Path) -> None:
        self.streams: dict[str, Callable[[], IO[bytes]]] = {}
        try:
            self._list_folder(path) if path.is_dir() else self._list_zip(path.open("rb"))
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
            if name.startswith("files/"):
                del info.CRC  # SHA-256 says more, and a second pass over gigabytes would cost as much again
            self.streams[name] = lambda info=info: archive.open(info)  # type: ignore[misc]

    def _list_folder(self, root: Path) -> None:
        for path in (Path(folder, name) for folder, some, more in os.walk(root) for name in some + more):
            name, mode = path.relative_to(root).as_posix(), path.lstat().st_mode
            if not stat.S_ISDIR(mode):
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

    def measure(self, name: str, limit_bytes: int = 1 << 40) -> tuple[str, int]:
        digest, size = hashlib.sha256(), 0
        for chunk in self.chunks(name, limit_bytes):
            digest.update(chunk)
            size += len(chunk)
        return digest.hexdigest(), size


def canonical(value: Any) -> str:
    if isinstance(value, dict):
        ordered = sorted(value.items(), key=lambda item: item[0].encode("utf-16-be"))
        return "{" + ",".join(f"{canonical(key)}:{canonical(item)}" for key, item in ordered) + "}"
    listed = isinstance(value, list)
    return "[" + ",".join(map(canonical, value)) + "]" if listed else json.dumps(value, ensure_ascii=False)


def parse_json(content: bytes, where: str) -> dict[str, Any]:
    """Return the JSON object, whose bytes must be the RFC 8785 form of what they say."""
    brackets = re.findall(rb"[][{}]", re.sub(rb'"(?:[^"\\]|\\.)*"?', b"", content, flags=re.DOTALL))
    depth = max(accumulate(1 if one in b"[{" else -1 for one in brackets), default=0)
    check(depth <= 64, where, "is nested deeper than 64 levels")  # before it is parsed: that could exhaust the stack
    try:
        # A number that is no integer is read as a text, which is then written in another way than it was.
        value: dict[str, Any] = json.loads(content.decode(), parse_float=str, parse_constant=str)
        same = canonical(value).encode() == content
    except (ValueError, RecursionError) as error:
        raise Failed(where, f"is not JSON ({error})") from None
    check(same and isinstance(value, dict), where, "is not an object in canonical (RFC 8785) JSON with integers only")
    return value


def field(value: dict[str, Any], name: str, kind: type, where: str) -> Any:
    """Return the member, which must be there and be of the kind."""
    check(type(value) is dict and type(value.get(name)) is kind, where, f"{name!r} is missing or of the wrong kind")
    return value[name]


def unbase64(text: str, where: str, *, url: bool = False) -> bytes:
    """Decode base64, or base64url without padding; Failed unless it is spelled in the one canonical way."""
    try:
        decoded = base64.b64decode(text + "=" * (-len(text) % 4 * url), b"-_" if url else None, validate=True)
    except ValueError:
        raise Failed(where, "holds invalid base64") from None
    spelled = base64.urlsafe_b64encode(decoded).rstrip(b"=") if url else base64.b64encode(decoded)
    check(spelled.decode() == text, where, "holds base64 that is not canonical")
    return decoded


def open_log(vkey: str, note: str) -> tuple[str, int, bytes]:
    """Return origin, size and root of a checkpoint that the c2sp.org/signed-note verifier key signed as its log."""
    where = "log.vkey"
    origin, key_id, encoded = [*vkey.split("+", 2), "", ""][:3]
    public = unbase64(encoded, where)
    check(len(public) == 33 and public[0] == 1 and bool(origin), where, "is not an Ed25519 verifier key")
    computed = hashlib.sha256(origin.encode() + b"\n" + public).digest()[:4]
    check(key_id == computed.hex(), where, "has a hash that is not that of its name and key")
    where, signed = "checkpoint", False
    head, _, signatures = note.rpartition("\n\n")
    for line in signatures.split("\n")[:-1]:
        dash, signer, encoded = [*line.split(" ", 2), "", ""][:3]
        check(dash == "—" and bool(signer), where, "has a malformed signature line")
        signature = unbase64(encoded, where)
        if signer == origin and signature[:4] == computed:
            try:
                ed25519.Ed25519PublicKey.from_public_bytes(public[1:]).verify(signature[4:], f"{head}\n".encode())
            except (InvalidSignature, ValueError):
                raise Failed(where, "its signature by the log key does not verify") from None
            signed = True
    check(signed and signatures.endswith("\n"), where, f"is not a note signed by the log key of {show(origin)}")
    lines = head.split("\n")
    check(len(lines) == 3 and lines[0] == origin, where, f"is not a checkpoint of {show(origin)}")
    root = unbase64(lines[2], where)
    check(bool(re.fullmatch(r"[1-9][0-9]{0,18}", lines[1])) and len(root) == 32, where, "has a bad size or root")
    return origin, int(lines[1]), root


def check_proof(bundle: Bundle, kind: str, entry: bytes, note: str, size: int, root: bytes) -> int:
    """Return the leaf index that a c2sp.org/tlog-proof proves the entry to be at, under this very note."""
    where = f"proofs/{kind}.tlog-proof"
    head, _, checkpoint = bundle.text(where).partition("\n\n")
    check(checkpoint == note, where, "carries another checkpoint than the bundle's")
    form = re.fullmatch(r"c2sp\.org/tlog-proof@v1\nindex (0|[1-9][0-9]{0,18})((?:\n[^\n]+)*)", head)
    check(form is not None, where, "is not a tlog-proof without extra data")
    index = int(form[1])
    check(index < size, where, f"leaf {index} is not in a tree of {size}")
    position, last = index, size - 1  # RFC 9162 section 2.1.3.2
    computed = hashlib.sha256(b"\x00" + entry).digest()
    for sibling in [unbase64(line, where) for line in form[2].split("\n")[1:]]:
        check(len(sibling) == 32, where, "has a hash that is not 32 bytes")
        check(last > 0, where, "the proof is too long")
        is_right = position & 1 or position == last
        computed = hashlib.sha256(b"\x01" + (sibling + computed if is_right else computed + sibling)).digest()
        while is_right and position and not position & 1:
            position, last = position >> 1, last >> 1
        position, last = position >> 1, last >> 1
    check(last == 0, where, "the proof is too short")
    check(computed == root, where, f"{kind} is not leaf {index} of the log")
    return index


def check_signature(key: dict[str, Any], registry: str, signature: bytes, message: bytes, where: str) -> None:
    """Check an Ed25519 (RFC 8032) or ES256 (RFC 7518) signature by the key that a key entry registers."""
    kid, jwk = field(key, "kid", str, registry), field(key, "public_jwk", dict, registry)
    x, y = (unbase64(field({"y": "", **jwk}, name, str, registry), registry, url=True) for name in "xy")
    thumbprint = hashlib.sha256(canonical(jwk).encode()).digest()  # RFC 7638
    check(unbase64(kid, registry, url=True) == thumbprint, registry, "its kid is not its key's thumbprint")
    kind = (key.get("alg"), jwk.get("crv"))
    check(kind in (("Ed25519", "Ed25519"), ("ES256", "P-256")), registry, "is not a key that signs entries")
    check(len(signature) == 64, where, "its signature is not 64 bytes")
    r, s, px, py = (int.from_bytes(part, "big") for part in (signature[:32], signature[32:], x, y))
    try:
        if kind[0] == "Ed25519":
            ed25519.Ed25519PublicKey.from_public_bytes(x).verify(signature, message)
        else:
            public = ec.EllipticCurvePublicNumbers(px, py, ec.SECP256R1()).public_key()
            public.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        raise Failed(where, "its signature does not verify") from None


def open_certificate(token: str, key: dict[str, Any]) -> dict[str, Any]:
    """Return what a JWS (RFC 7515) says of the license, as the credential it is (W3C VC 2.0) or in its former shape."""
    where, registry, parts = "certificate.jws", "entries/key.json", token.split(".")
    check(len(parts) == 3, where, "is not a compact JWS")
    header, payload, signature = (unbase64(part, where, url=True) for part in parts)
    former = {"alg": "ES256", "kid": key.get("kid"), "typ": "worldloom-license+jwt"}
    said, claims = parse_json(header, where), parse_json(payload, where)
    known = said in (former, former | {"cty": "vc", "typ": "vc+jwt"})
    check(known, where, "its header is not that of a license by the registered key")
    due = key.get("use") == "certificates" and key.get("alg") == "ES256"
    check(due, registry, "does not register a key for certificates")
    check_signature(key, registry, signature, f"{parts[0]}.{parts[1]}".encode(), where)
    if said == former:
        return claims | {"status": []}
    check("WorldloomLicense" in field(claims, "type", list, where), where, "is not a license")
    lists = [field(one, "statusListCredential", str, where) for one in field(claims, "credentialStatus", list, where)]
    grant = field(claims, "jti", str, where).removeprefix("urn:uuid:")
    return field(claims, "credentialSubject", dict, where) | {"jti": grant, "status": lists}


def check_creator(entry: dict[str, Any], key: dict[str, Any], origin: str) -> str:
    """Return the key with which the release's creator signed the entry for this log: DSSE v1."""
    where, registry, kid = "entries/release.json", "entries/creator-key.json", key.get("kid")
    check(bool(key), registry, "is missing")
    owns = key.get("use") == "creators" and key.get("holder") == entry["body"].get("creator")
    check(owns, registry, "does not register a key of the release's creator")
    payload = canonical({"body": entry["body"], "log": origin}).encode()
    message = b"DSSEv1 38 application/vnd.worldloom.release+json %d %s" % (len(payload), payload)
    signatures = [one for one in field(entry, "signatures", list, where) if field(one, "kid", str, where) == kid]
    check(len(signatures) == 1, where, "is not signed by the creator's key")
    check_signature(key, registry, unbase64(field(signatures[0], "sig", str, where), where, url=True), message, where)
    return str(kid)


def check_manifest(bundle: Bundle) -> tuple[dict[str, Any], str]:
    """Return the manifest and its digest, once the bundle holds exactly what it should."""
    where = "manifest.json"
    check(where in bundle.streams, where, "is missing")
    manifest = parse_json(bundle.read(where), where)
    check(manifest.get("format") in FORMATS, where, "is of another format")
    expected, others = set(MEMBERS), {}
    for asset in field(manifest, "assets", list, where):
        path, digest = field(asset, "path", str, where), field(asset, "sha256", str, where)
        check(is_safe(path) and f"files/{path}" not in expected, where, f"lists {show(path)} twice or unsafely")
        sound = re.fullmatch(r"[0-9a-f]{64}", digest) and field(asset, "size_bytes", int, where) >= 0
        check(bool(sound), where, f"lists {show(path)} without a proper digest and size")
        expected.add(f"files/{path}")
    if "bundle.json" in bundle.streams:  # format 1 has none
        said = parse_json(bundle.read("bundle.json"), "bundle.json")
        check(said.get("format") == "worldloom/bundle/2", "bundle.json", "is of another format")
        others = field(said, "for_others", dict, "bundle.json")
        known = said.keys() == {"format", "for_others"} and {name.partition("/")[0] for name in others} <= FOR_OTHERS
        check(known, "bundle.json", "holds more than the digests of what other tools check")
        expected |= {"bundle.json", *others} | (CREATOR if CREATOR & bundle.streams.keys() else set())
    for name in sorted(expected ^ bundle.streams.keys() - {"anchor.json"}):
        raise Failed(show(name), "is missing" if name in expected else "does not belong to the bundle")
    for name, due in others.items():
        check(bundle.measure(name)[0] == due, show(name), "is not the one that bundle.json names")
    return manifest, bundle.measure(where)[0]


def check_entries(bundle: Bundle, note: str, size: int, root: bytes) -> dict[str, tuple[int, dict[str, Any]]]:
    """Return leaf index and content of the release, grant and key entries, each proven to be in the log."""
    found = {}
    for kind in ("release", "grant", "key", *(["creator-key"] if CREATOR & bundle.streams.keys() else [])):
        name, type_ = f"entries/{kind}.json", kind.removeprefix("creator-")
        content = bundle.read(name, ENTRY_LIMIT_BYTES)
        entry = parse_json(content, name)
        known = entry.get("format") in ("worldloom/ledger-entry/1", "worldloom/ledger-entry/2")
        check(known and entry.get("type") == type_, name, f"is not a {type_} entry of this format")
        field(entry, "body", dict, name)
        found[kind] = check_proof(bundle, kind, content, note, size, root), entry
    return found


def check_license(bundle: Bundle, digest: str, grant: dict[str, Any], key: dict[str, Any]) -> tuple[str, list[str]]:
    """Return licensee and status lists, once terms, licensee and certificate are those of the grant entry."""
    check(grant.get("release") == digest, "entries/grant.json", "is a grant for another release")
    bound = {"terms.json": "terms", "licensee.json": "licensee_commitment", "certificate.jws": "certificate"}
    for name, member in bound.items():
        check(bundle.measure(name)[0] == grant.get(member), name, f"is not the {member} in the grant entry")
    parse_json(bundle.read("terms.json"), "terms.json")
    licensee = parse_json(bundle.read("licensee.json"), "licensee.json")
    check(licensee.get("format") == "worldloom/licensee/1", "licensee.json", "is of another format")
    claims = open_certificate(bundle.text("certificate.jws"), key)
    texts = field(claims, "terms_texts", dict, "certificate.jws")
    for language, text in (("en", "terms.en.txt"), ("zh-Hans", "terms.zh-Hans.txt")):
        check(texts.get(language) == bundle.measure(text)[0], text, "is not the text that the certificate names")
    holder = field(licensee, "name", str, "licensee.json")
    due = {"jti": grant.get("grant"), "release": digest, "terms": grant.get("terms"), "licensee": holder}
    for claim, value in due.items():
        check(claims.get(claim) == value, "certificate.jws", f"its claim {claim!r} is not that of the grant")
    return holder, claims["status"]


def check_anchor(bundle: Bundle, size: int, root: bytes) -> list[str]:
    """Return what must be asked of the chain, nothing when the bundle names no anchor."""
    where = "anchor.json"
    if where not in bundle.streams:
        return []
    anchor = parse_json(bundle.read(where, ENTRY_LIMIT_BYTES), where)
    kinds = {"contract": str, "transaction": str, "root": str, "chain_id": int, "block_number": int, "size": int}
    check(anchor.keys() == kinds.keys(), where, "has other members than it should")
    for name, kind in kinds.items():
        field(anchor, name, kind, where)
    check(anchor["size"] >= size, where, f"covers only {anchor['size']} of the {size} leaves")
    which = "this tree" if anchor["size"] == size else f"a later tree of {anchor['size']} leaves"
    check(anchor["size"] > size or anchor["root"] == root.hex(), where, "is about another tree of the same size")
    return [f"the anchor of {which} in transaction {anchor['transaction']} of chain {anchor['chain_id']}"]


def verify(path: Path, trusted_key: str | None = None) -> dict[str, Any]:
    """Return what was verified; Failed names the first thing that does not hold."""
    bundle = Bundle(path)
    manifest, digest = check_manifest(bundle)
    vkey, note = bundle.text("log.vkey"), bundle.text("checkpoint")
    check(vkey.endswith("\n") and "\n" not in vkey[:-1], "log.vkey", "is not one line")
    check(trusted_key in (None, vkey[:-1]), "log.vkey", f"is not the key that you gave, {trusted_key}")
    origin, size, root = open_log(vkey[:-1], note)
    entries = check_entries(bundle, note, size, root)
    index, bodies = entries["grant"][0], {kind: entry["body"] for kind, (_index, entry) in entries.items()}
    release, grant = bodies["release"], bodies["grant"]
    due = {"release": digest, "pack": manifest.get("pack"), "version": manifest.get("version")}
    for name, value in due.items():
        check(release.get(name) == value, "entries/release.json", f"its {name} is not that of the manifest")
    is_signed = "bundle.json" in bundle.streams and entries["release"][1].get("signatures")
    signer = check_creator(entries["release"][1], bodies.get("creator-key", {}), origin) if is_signed else None
    licensee, lists = check_license(bundle, digest, grant, bodies["key"])
    asked = " (now: " + ", ".join(lists) + ")" if lists else ""
    tops = {name.partition("/")[0] for name in bundle.streams} & FOR_OTHERS
    unchecked = [f"whether the license was revoked later{asked}", *(f"what {top} says" for top in sorted(tops))]
    unchecked += check_anchor(bundle, size, root)
    bundle.read("README.txt")  # for the zip's checksum; nothing registered binds its text
    with ThreadPoolExecutor(2) as pool:  # hashing leaves the interpreter free; each streams, and memory stays flat
        files = pool.map(lambda one: bundle.measure(f"files/{one['path']}", one["size_bytes"]), manifest["assets"])
        for asset, file in zip(manifest["assets"], files, strict=True):
            sound = file == (asset["sha256"], asset["size_bytes"])
            check(sound, show(f"files/{asset['path']}"), "is not the file that was registered")
    facts = {"files": len(manifest["assets"]), "licensee": licensee, "grant": grant.get("grant"), "entry": index}
    log = {"origin": origin, "size": size, "root": root.hex(), "key": vkey[:-1], "key_given": bool(trusted_key)}
    return {"ok": True, **due, **facts, **log, "signed_by": signer, "unchecked": unchecked}


def sentence(found: dict[str, Any]) -> str:
    source = "which you gave" if found["key_given"] else "from the bundle itself: compare it with the published key"
    return (
        f"OK: {found['files']} files match what was registered: {found['pack']} {found['version']}, licensed to "
        f"{found['licensee']}, entry {found['entry']} of log {found['origin']} (key {found['key']}, {source}); "
        f"not checked offline: {', '.join(found['unchecked'])}."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    if any(one.partition("=")[0] == "--log" for one in (sys.argv[1:] if arguments is None else arguments)):
        return int(__import__("ledger.audit").audit.main(arguments))  # a whole log: that needs the whole package
    parser = argparse.ArgumentParser(prog="verify", description="Verify a Worldloom bundle offline.")
    parser.add_argument("bundle", type=Path, help="the zip file or the folder")
    parser.add_argument("--key", metavar="VKEY", help="the log's verifier key, from where it is published")
    parser.add_argument("--json", action="store_true", help="print a JSON object instead of a sentence")
    options = parser.parse_args(arguments)
    if not options.bundle.exists():
        parser.error(f"there is no {options.bundle}")
    try:
        found, told = verify(options.bundle, options.key), ""
    except Failed as fault:
        found, told = {"ok": False, "where": fault.args[0], "what": fault.args[1]}, f"FAILED: {': '.join(fault.args)}."
    output = json.dumps(found) if options.json else show(told or sentence(found))
    print(output.encode(sys.stdout.encoding or "utf-8", "backslashreplace").decode(sys.stdout.encoding or "utf-8"))
    return 0 if found["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
