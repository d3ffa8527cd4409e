"""The verifier that strangers run: it says yes to what was registered, and no to any flipped byte."""

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ledger import verify
from tests.ledger.makers import BundleMaker, sha256, verifier_key, write_folder, write_zip

VERIFY = Path(verify.__file__)
KEY = str(verifier_key())
GOOD = BundleMaker(anchor={}).members()
FREE = {"README.txt", "anchor.json"}
"""Nothing registered binds these two: the first is help, the second is a hint of where to ask the chain."""


@pytest.fixture
def run(tmp_path, capsys):
    """Runs the verifier on members, as a zip and as a folder, and returns the one sentence of both."""

    def verdict(members: dict[str, bytes], *options: str) -> tuple[int, str]:
        answers = set()
        for path in (write_zip(tmp_path / "b.zip", members), write_folder(tmp_path / "b", members)):
            code = verify.main([str(path), *options])
            answers.add((code, capsys.readouterr().out))
        assert len(answers) == 1
        code, output = answers.pop()
        assert output.endswith("\n")
        assert output.count("\n") == 1
        return code, output.rstrip("\n")

    return verdict


class Members(verify.Bundle):
    """A bundle in memory, for the tests that flip thousands of bytes."""

    def __init__(self, members: dict[str, bytes]) -> None:
        self.streams = {name: lambda content=content: io.BytesIO(content) for name, content in members.items()}


def holds(members: dict[str, bytes], monkeypatch) -> bool:
    monkeypatch.setattr(verify, "Bundle", lambda _path: Members(members))
    try:
        verify.verify(Path("in memory"), KEY)
    except verify.Failed:
        return False
    return True


def test_carol_checks_her_license_against_the_published_key(run):
    assert run(GOOD, "--key", KEY) == (
        0,
        "OK: 3 files match what was registered: alice/yunhai 1.0.0, licensed to Carol Pictures, entry 1 of log "
        f"localhost/worldloom (key {KEY}, which you gave); not checked offline: whether the license was revoked later, "
        f"what README.txt says, the anchor of this tree in transaction 0x{'cd' * 32} of chain 1337.",
    )


def test_a_manifest_with_absolute_shares_is_read_like_any_other(run):
    """Format 2 says more about who is paid; what a bundle proves is the same."""
    division = {"rest": "11" * 32, "absolute": [{"release": "22" * 32, "share_ppb": 100_000_000, "rest": "33" * 32}]}
    told = {"format": "worldloom/release-manifest/2", "division": division}
    code, sentence = run(BundleMaker(manifest=told).members(), "--key", KEY)
    assert (code, sentence[:37]) == (0, "OK: 3 files match what was registered")


def test_without_a_key_the_sentence_says_where_the_key_came_from(run):
    code, sentence = run(BundleMaker().members())
    assert code == 0
    assert "from the bundle itself: compare it with the published key); not checked offline: whether" in sentence
    assert "anchor" not in sentence


def test_the_machine_form_says_the_same(run):
    code, output = run(GOOD, "--json")
    told = json.loads(output)
    assert code == 0
    assert told["ok"] is True
    assert (told["pack"], told["version"], told["release"]) == ("alice/yunhai", "1.0.0", sha256(GOOD["manifest.json"]))
    assert (told["entry"], told["size"], told["key"], told["key_given"]) == (1, 8, KEY, False)
    members = GOOD | {"files/empty.txt": b"no longer"}
    assert json.loads(run(members, "--json")[1]) == {
        "ok": False,
        "where": "files/empty.txt",
        "what": "is longer than 0 bytes",
    }


def test_anothers_key_is_not_enough(run):
    other = "elsewhere.example" + KEY[len("localhost/worldloom") :]
    assert run(GOOD, "--key", other) == (1, f"FAILED: log.vkey: is not the key that you gave, {other}.")


@pytest.mark.parametrize("name", sorted(GOOD.keys() - FREE))
def test_no_byte_of_any_member_can_be_flipped(name, monkeypatch):
    content = GOOD[name]
    assert holds(GOOD, monkeypatch)
    for at in range(len(content)):
        for flip in (0x01, 0x20):
            flipped = content[:at] + bytes([content[at] ^ flip]) + content[at + 1 :]
            assert not holds(GOOD | {name: flipped}, monkeypatch), f"byte {at} of {name}"


@pytest.mark.parametrize("name", sorted(GOOD.keys() - FREE))
def test_nothing_can_be_added_to_cut_off_or_removed_from_a_member(name, run):
    longer = run(GOOD | {name: GOOD[name] + b"\n"})
    assert longer[0] == 1
    if GOOD[name]:
        assert run(GOOD | {name: GOOD[name][:-1]})[0] == 1


def test_flips_in_zip_and_folder_are_named(run):
    name = "files/characters/wanderer.png"
    flipped = GOOD | {name: b"\x88" + GOOD[name][1:]}
    assert run(flipped) == (1, f"FAILED: {name}: is not the file that was registered.")


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_flipped_byte_of_the_zip_file_never_passes_as_another_content(tmp_path, compression):
    """The container's own bytes may change without harm (a date), but never with a crash or a false yes."""
    path = write_zip(tmp_path / "b.zip", GOOD, compression)
    content = path.read_bytes()
    expected = verify.verify(path, KEY)
    for at in range(0, len(content), 13):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0x41]) + content[at + 1 :])
        try:
            found = verify.verify(path, KEY)
        except verify.Failed:
            continue
        found["unchecked"] = expected["unchecked"]
        assert found == expected


@pytest.mark.parametrize("length", [0, 1, 21, 22, 300, -1])
def test_cut_zip_files_fail_in_one_sentence(tmp_path, capsys, length):
    path = write_zip(tmp_path / "b.zip", GOOD)
    path.write_bytes(path.read_bytes()[:length])
    assert verify.main([str(path)]) == 1
    assert capsys.readouterr().out.startswith("FAILED: bundle: is not a zip file or is damaged (")


@pytest.mark.parametrize("name", sorted(GOOD.keys() - {"anchor.json"}))
def test_a_missing_member_is_named(name, run):
    members = {key: value for key, value in GOOD.items() if key != name}
    assert run(members) == (1, f"FAILED: {name}: is missing.")


@pytest.mark.parametrize("name", ["files/stowaway.exe", "entries/offer.json", "notes.txt"])
def test_a_stowaway_is_named(name, run):
    assert run(GOOD | {name: b""}) == (1, f"FAILED: {name}: does not belong to the bundle.")


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "files/../../evil", "files\\evil", "C:/evil", "files//evil"])
def test_paths_that_leave_the_folder_are_refused(name, tmp_path, capsys):
    path = write_zip(tmp_path / "b.zip", GOOD | {name: b""})
    assert verify.main([str(path)]) == 1
    assert capsys.readouterr().out == f"FAILED: {name}: is not a safe path.\n"


def test_a_name_that_is_there_twice_is_refused(tmp_path, capsys):
    path = write_zip(tmp_path / "b.zip", GOOD)
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("manifest.json", b"{}")
    assert verify.main([str(path)]) == 1
    assert capsys.readouterr().out == "FAILED: manifest.json: is in the bundle twice.\n"


def test_other_compression_is_refused(tmp_path, capsys):
    path = write_zip(tmp_path / "b.zip", GOOD, zipfile.ZIP_LZMA)
    assert verify.main([str(path)]) == 1
    assert "is encrypted or compressed in another way than deflate" in capsys.readouterr().out


@pytest.mark.parametrize("mode", [0o120777, 0o040755, 0o010644, 0o060644])
@pytest.mark.parametrize("name", ["files/empty.txt", "README.txt"])
def test_a_member_that_unpacks_as_a_link_or_no_file_is_refused(name, mode, tmp_path, capsys):
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in GOOD.items():
            info = zipfile.ZipInfo(member)
            info.external_attr = (mode if member == name else 0o100644) << 16
            archive.writestr(info, content)
    assert verify.main([str(path)]) == 1
    assert capsys.readouterr().out == f"FAILED: {name}: is not a plain file.\n"


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_flip_in_the_readme_of_a_zip_is_seen_by_its_checksum(tmp_path, capsys, compression):
    path = write_zip(tmp_path / "b.zip", GOOD, compression)
    with zipfile.ZipFile(path) as archive:
        at = archive.getinfo("README.txt").header_offset + 30 + len("README.txt") + 8
    content = path.read_bytes()
    path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    assert verify.main([str(path)]) == 1
    assert capsys.readouterr().out.startswith("FAILED: README.txt: is damaged (")


def test_another_readme_passes_and_the_answer_says_that_nobody_checked_it(run):
    told = json.loads(run(GOOD | {"README.txt": b"Pay Dave."}, "--json")[1])
    assert told["ok"] is True
    assert told["unchecked"][1] == "what README.txt says"


def commented(content: bytes) -> bytes:
    return content[:-2] + b"\x05\x00hello"


def moved(content: bytes) -> bytes:
    """The zip after five more bytes, its offsets counted from the new start: the members begin late."""
    file = io.BytesIO(b"hello")
    file.seek(0, io.SEEK_END)
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "a") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    return file.getvalue()


@pytest.mark.parametrize(
    "change",
    [
        lambda content: b"hello" + content,
        lambda content: content + b"hello",
        lambda content: content + b"\0" * 22,
        lambda content: content[:-2] + b"\x05\x00",
        commented,
        moved,
    ],
)
def test_bytes_around_the_zip_are_refused(tmp_path, capsys, change):
    path = write_zip(tmp_path / "b.zip", GOOD)
    path.write_bytes(change(path.read_bytes()))
    assert verify.main([str(path)]) == 1
    assert capsys.readouterr().out == "FAILED: bundle: has bytes before or after the zip, or a comment in it.\n"


def test_what_a_desktop_leaves_in_a_folder_is_a_stowaway(tmp_path, capsys):
    folder = write_folder(tmp_path / "b", GOOD)
    (folder / "files/.DS_Store").write_bytes(b"Bud1")
    assert verify.main([str(folder)]) == 1
    assert capsys.readouterr().out == "FAILED: files/.DS_Store: does not belong to the bundle.\n"


def test_a_link_in_a_folder_is_refused(tmp_path, capsys):
    folder = write_folder(tmp_path / "b", GOOD)
    (folder / "files/empty.txt").unlink()
    (folder / "files/empty.txt").symlink_to("/dev/null")
    assert verify.main([str(folder)]) == 1
    assert capsys.readouterr().out == "FAILED: files/empty.txt: is not a plain file.\n"


@pytest.mark.parametrize(
    ("maker", "sentence"),
    [
        (BundleMaker(release={"release": "ab" * 32}), "entries/release.json: its release is not that of the manifest"),
        (BundleMaker(release={"version": "1.0.1"}), "entries/release.json: its version is not that of the manifest"),
        (BundleMaker(release={"pack": "dave/yunhai"}), "entries/release.json: its pack is not that of the manifest"),
        (BundleMaker(grant={"release": "ab" * 32}), "entries/grant.json: is a grant for another release"),
        (BundleMaker(grant={"terms": "ab" * 32}), "terms.json: is not the terms in the grant entry"),
        (
            BundleMaker(grant={"certificate": "ab" * 32}),
            "certificate.jws: is not the certificate in the grant entry",
        ),
        (
            BundleMaker(grant={"licensee_commitment": "ab" * 32}),
            "licensee.json: is not the licensee_commitment in the grant entry",
        ),
        (BundleMaker(claims={"licensee": "Dave"}), "certificate.jws: its claim 'licensee' is not that of the grant"),
        (BundleMaker(claims={"jti": "another"}), "certificate.jws: its claim 'jti' is not that of the grant"),
        (BundleMaker(claims={"terms_texts": {}}), "terms.en.txt: is not the text that the certificate names"),
        (BundleMaker(claims={"terms_texts": 1}), "certificate.jws: 'terms_texts' is missing or of the wrong kind"),
        (BundleMaker(manifest={"format": "other/1"}), "manifest.json: is of another format"),
        (BundleMaker(manifest={"assets": {}}), "manifest.json: 'assets' is missing or of the wrong kind"),
        (BundleMaker(manifest={"assets": [1]}), "manifest.json: 'path' is missing or of the wrong kind"),
        (
            BundleMaker(manifest={"assets": [{"path": "../a", "sha256": "ab" * 32, "size_bytes": 1}]}),
            "manifest.json: lists ../a twice or unsafely",
        ),
        (
            BundleMaker(manifest={"assets": [{"path": "a", "sha256": "AB" * 32, "size_bytes": 1}]}),
            "manifest.json: lists a without a proper digest and size",
        ),
        (BundleMaker(anchor={"size": 7}), "anchor.json: covers only 7 of the 8 leaves"),
        (BundleMaker(anchor={"root": "ab" * 32}), "anchor.json: is about another tree of the same size"),
        (BundleMaker(anchor={"note": "hello"}), "anchor.json: has other members than it should"),
        (BundleMaker(anchor={"chain_id": "1337"}), "anchor.json: 'chain_id' is missing or of the wrong kind"),
    ],
)
def test_well_signed_bundles_whose_parts_do_not_belong_together_fail(maker, sentence, run):
    assert run(maker.members()) == (1, f"FAILED: {sentence}.")


def test_the_platform_cannot_swap_a_files_digest_after_registration(run):
    """A new manifest that matches a new file is not the manifest in the log."""
    forged = BundleMaker(files=BundleMaker().files | {"empty.txt": b"not empty"}).members()
    members = GOOD | {name: forged[name] for name in ("manifest.json", "files/empty.txt")}
    assert run(members) == (1, "FAILED: entries/release.json: its release is not that of the manifest.")


def test_proofs_from_another_tree_of_the_same_log_fail(run):
    other = BundleMaker(other_entries=9, anchor={}).members()
    members = GOOD | {"proofs/key.tlog-proof": other["proofs/key.tlog-proof"]}
    assert run(members) == (1, "FAILED: proofs/key.tlog-proof: carries another checkpoint than the bundle's.")
    members = GOOD | {"proofs/key.tlog-proof": GOOD["proofs/grant.tlog-proof"]}
    assert run(members) == (1, "FAILED: proofs/key.tlog-proof: key is not leaf 1 of the log.")


def test_a_later_anchor_is_told_as_later(run):
    code, sentence = run(BundleMaker(anchor={"size": 100, "root": "ab" * 32}).members())
    assert code == 0
    assert ", the anchor of a later tree of 100 leaves in transaction" in sentence


def test_a_log_of_three_leaves_is_enough(run):
    assert run(BundleMaker(other_entries=0).members())[0] == 0


def test_a_name_cannot_paint_the_terminal(run):
    code, sentence = run(BundleMaker(licensee="Carol\x1b[2J\nOK: Dave\u202e").members())
    assert code == 0
    assert "licensed to Carol\\u001b[2J\\u000aOK: Dave\\u202e, entry 1" in sentence


def test_wrong_usage_is_another_exit_status(tmp_path, capsys):
    for arguments in ([], [str(tmp_path / "nowhere.zip")], [str(tmp_path), "--frobnicate"]):
        with pytest.raises(SystemExit) as stopped:
            verify.main(arguments)
        assert stopped.value.code == 2
    assert "there is no " in capsys.readouterr().err


@pytest.mark.parametrize("how", [["-m", "ledger.verify"], [str(VERIFY)]])
def test_it_runs_as_module_and_as_a_file_without_django(how, tmp_path):
    path = write_zip(tmp_path / "b.zip", GOOD)
    script = [sys.executable, *how, str(path)]
    environment = {"PATH": os.environ["PATH"], "PYTHONIOENCODING": "ascii"}
    ran = subprocess.run(script, capture_output=True, text=True, cwd=VERIFY.parent.parent, env=environment, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("OK: 3 files match what was registered: alice/yunhai 1.0.0")


def test_it_imports_nothing_but_the_standard_library_and_cryptography():
    script = f"import sys; sys.path.insert(0, {str(VERIFY.parent)!r}); import verify; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    ours = {name.partition(".")[0] for name in modules} - set(sys.stdlib_module_names)
    assert not ours & {"django", "ledger", "rfc8785", "marketplace"}
    assert "cryptography" in ours
    assert len(VERIFY.read_text().splitlines()) <= 400


def test_big_files_are_read_in_flat_memory(tmp_path):
    maker = BundleMaker(files={"model.safetensors": bytes(48 * 1024 * 1024)})
    path = write_zip(tmp_path / "b.zip", maker.members())
    script = (
        "import resource, sys; from ledger import verify; verify.verify(verify.Path(sys.argv[1]));"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    small = write_zip(tmp_path / "small.zip", GOOD)
    peaks = [
        int(subprocess.run([sys.executable, "-c", script, str(one)], capture_output=True, check=True).stdout)
        for one in (small, path)
    ]
    assert peaks[1] - peaks[0] < 12 * 1024
