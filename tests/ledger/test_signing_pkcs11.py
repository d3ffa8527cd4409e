"""Keys in a token behind PKCS#11: made there, used by many threads, and named when they are of no use."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from ledger import queries
from ledger.log.checkpoint import open_checkpoint
from ledger.operations import register_keys, rotate_key, seal
from ledger.signing import pkcs11 as adapter
from ledger.signing.base import UnableToLoadKey, UnableToSign
from ledger.signing.checking import verifies
from ledger.signing.pkcs11 import Pkcs11Keys
from tests.ledger.conftest import committed
from tests.ledger.makers import NOW

HOME = Path(__file__).resolve().parents[2]
MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/opt/homebrew/lib/softhsm/libsofthsm2.so", "/usr/lib64/libsofthsm2.so")
MODULE = next((name for name in MODULES if Path(name).exists()), "")

if not (MODULE and shutil.which("softhsm2-util")) and not os.environ.get("CI"):
    pytest.skip("needs softhsm2: apt-get install softhsm2", allow_module_level=True)


def initialize(label: str, pin: str = "1234") -> None:
    """Make a token, as docs/operate.md does."""
    command = ["softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "5678", "--pin", pin]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture(scope="session")  # the library reads its settings once
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """SoftHSM, with a token called worldloom."""
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(
        f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
        initialize("worldloom")
        yield folder


def settings_for(**changes: Any) -> dict[str, Any]:
    labels = {"log": ["worldloom-log"], "certificates": ["worldloom-certificates"], "cosignatures": ["x"]}
    named = {"module": MODULE, "token": "worldloom", "pin": "1234", "pin_file": "", "labels": labels}
    return named | changes


@pytest.fixture
def keys(folder: Path) -> Pkcs11Keys:
    made = Pkcs11Keys(settings_for())
    for use in ("log", "certificates"):
        made.make(use)
    return made


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens as a process sees them that just began."""
    monkeypatch.setattr(adapter, "_tokens", {})


def pin_refused(named: dict[str, Any]) -> str:
    with pytest.raises(UnableToLoadKey) as refused:
        Pkcs11Keys(named).signer("log")
    return refused.value.reason


def test_the_token_signs_with_both_curves(keys: Pkcs11Keys) -> None:
    for use in ("log", "certificates"):
        signer = keys.signer(use)
        assert len(signer.sign(b"checkpoint")) == 64
        assert verifies(signer.public_key, b"checkpoint", signer.sign(b"checkpoint"))
        assert not verifies(signer.public_key, b"another", signer.sign(b"checkpoint"))
        assert "1234" not in repr(signer)
    assert keys.signer("log").kid != keys.signer("certificates").kid
    assert [keys.offers(use) for use in ("log", "certificates", "cosignatures")] == [True, True, False]


def test_a_key_is_made_once_and_never_leaves(keys: Pkcs11Keys) -> None:
    import pkcs11

    assert keys.make("log").kid == keys.signer("log").kid
    signer = keys.signer("log")
    private = signer._token.run("1234", lambda token: token.object("PRIVATE_KEY", "worldloom-log"))
    assert (private[pkcs11.Attribute.EXTRACTABLE], private[pkcs11.Attribute.SENSITIVE]) == (False, True)
    with pytest.raises(pkcs11.PKCS11Error):
        private[pkcs11.Attribute.VALUE]


@pytest.mark.django_db
def test_the_manuals_commands_make_a_token_that_signs(folder: Path, tmp_path: Path) -> None:
    manual = (HOME / "docs" / "operate.md").read_text()
    commands = next(block for block in manual.split("```sh\n") if "softhsm2-util" in block).split("```")[0]
    assert "/etc/worldloom/" in commands
    commands = commands.replace("/etc/worldloom/", f"{tmp_path}/").replace("/usr/lib/softhsm/libsofthsm2.so", MODULE)
    commands = commands.replace("label worldloom", "label manual").replace("TOKEN=worldloom", "TOKEN=manual")
    named = connection.settings_dict
    url = f"dbname={named['NAME']} user={named['USER']} host={named['HOST']} port={named['PORT']}"
    environment = os.environ | {"DATABASE_URL": url, "WORLDLOOM_DATA": str(tmp_path / "data")}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    done = subprocess.run(
        ["bash", "-e"],
        input=commands,
        cwd=HOME,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    made, listed = (done.stdout.splitlines()[-8:-4], done.stdout.splitlines()[-4:])
    assert [line.split()[0] for line in made] == ["certificates", "claims", "cosignatures", "log"]
    kids = [line.split()[1] for line in made]
    assert [line.split()[1] for line in listed] == kids
    assert [line.split(maxsplit=3)[3] for line in listed] == [
        f"{adapter}: signs, not in the log yet" for adapter in ("Pkcs11Keys", "Pkcs11Keys", "FileKeys", "Pkcs11Keys")
    ]
    assert (tmp_path / "pin").stat().st_mode & 0o077 == 0
    changes = {"token": "manual", "pin": "", "pin_file": str(tmp_path / "pin")}
    adapter._tokens.clear()
    signer = Pkcs11Keys(settings_for(**changes)).signer("log")
    assert signer.kid == kids[3]
    assert verifies(signer.public_key, b"x", signer.sign(b"x"))


def test_threads_share_the_token(keys: Pkcs11Keys) -> None:
    signer = keys.signer("certificates")
    messages = [b"%d" % number for number in range(64)]
    with ThreadPoolExecutor(8) as pool:
        signatures = list(pool.map(signer.sign, messages))
    assert all(verifies(signer.public_key, *pair) for pair in zip(messages, signatures, strict=True))


def test_a_session_that_is_closed_under_us_is_opened_again(keys: Pkcs11Keys) -> None:
    signer = keys.signer("log")
    signer.sign(b"x")
    signer._token._session.close()
    assert verifies(signer.public_key, b"x", signer.sign(b"x"))


def test_a_token_that_is_pulled_out_is_named_and_used_again_when_it_is_back(keys: Pkcs11Keys, folder: Path) -> None:
    signer = keys.signer("log")
    (folder / "tokens").rename(folder / "gone")
    with pytest.raises(UnableToSign, match=r"did not sign: the token is gone or broken \(GeneralError\)"):
        signer.sign(b"x")
    with pytest.raises(UnableToLoadKey, match="the token is gone or broken"):
        keys.signer("log")
    (folder / "gone").rename(folder / "tokens")
    assert verifies(signer.public_key, b"x", signer.sign(b"x"))


def test_a_child_process_opens_a_session_of_its_own(keys: Pkcs11Keys) -> None:
    signer = keys.signer("log")
    signer.sign(b"x")
    child = os.fork()
    if child == 0:
        os._exit(0 if verifies(signer.public_key, b"child", signer.sign(b"child")) else 1)
    _pid, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert verifies(signer.public_key, b"parent", signer.sign(b"parent"))


@pytest.mark.usefixtures("fresh", "folder")
def test_a_wrong_pin_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    words = "the token refuses the PIN, which is not tried again lest the token locks"
    assert pin_refused(settings_for(pin="9999")) == f"{words} (PinIncorrect)"
    monkeypatch.setattr("pkcs11.lib", lambda _module: pytest.fail("the token was asked again"))
    assert pin_refused(settings_for(pin="9999")) == words


@pytest.mark.usefixtures("fresh", "keys")
def test_the_pin_comes_from_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    path = tmp_path / "pin"
    assert f"{path} cannot be read (No such file" in pin_refused(settings_for(pin="", pin_file=str(path)))
    path.write_text("1234\n")
    path.chmod(0o640)
    assert pin_refused(settings_for(pin="", pin_file=str(path))).startswith(f"{path} is open to other users")
    path.chmod(0o600)
    signer = Pkcs11Keys(settings_for(pin="", pin_file=str(path))).signer("log")
    assert verifies(signer.public_key, b"x", signer.sign(b"x"))


@pytest.mark.usefixtures("fresh", "keys")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"module": ""}, "set WORLDLOOM_PKCS11_MODULE and WORLDLOOM_PKCS11_TOKEN"),
        ({"module": "/nowhere.so"}, "the module /nowhere.so cannot be loaded (PKCS11Error)"),
        ({"token": "elsewhere"}, "there is no token labeled elsewhere (NoSuchToken)"),
        ({"labels": {"log": ["worldloom-certificates"]}}, "worldloom-certificates does not hold a key for Ed25519"),
        ({"labels": {"log": []}}, "no setting names it: set WORLDLOOM_PKCS11_LOG"),
        (
            {"labels": {"log": ["none"]}},
            "the token has no key labeled none; make it with `manage.py ledger_key make --use log`, or correct "
            "WORLDLOOM_PKCS11_LOG",
        ),
    ],
)
def test_what_is_of_no_use_is_named(changes: dict[str, Any], words: str) -> None:
    assert pin_refused(settings_for(**changes)) == words


def test_two_keys_of_one_label_are_refused(keys: Pkcs11Keys) -> None:
    token = keys.signer("log")._token
    labels = {"log": ["twice"]}
    Pkcs11Keys(settings_for(labels=labels)).make("log")

    def again(token: Any) -> None:
        token._objects["PRIVATE_KEY", "twice"] = None  # as if another machine made one at the same moment
        token.generate("twice", "Ed25519")
        token._objects.clear()

    token.run("1234", again)
    assert "2 keys are labeled twice" in pin_refused(settings_for(labels=labels))


def test_the_next_key_is_made_in_the_token_when_it_is_listed(keys: Pkcs11Keys) -> None:
    both = Pkcs11Keys(settings_for(labels={"log": ["worldloom-log", "worldloom-log-2"]}))
    first = both.signer("log")
    assert [one.kid for one in both.signers("log")] == [first.kid]
    following = both.prepare("log", after=first.kid)
    assert following.kid != first.kid
    assert both.prepare("log", after=first.kid).kid == following.kid
    assert [one.kid for one in both.signers("log")] == [first.kid, following.kid]
    with pytest.raises(UnableToLoadKey, match="no key is listed behind the one that signs"):
        both.prepare("log", after=following.kid)


def test_a_signature_by_a_token_that_lies_is_refused(keys: Pkcs11Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    signer = keys.signer("certificates")
    for lie in (b"", bytes(63), bytes(64), bytes(65)):
        monkeypatch.setattr(signer._token, "run", lambda _pin, _work, lie=lie: lie)
        with pytest.raises(UnableToSign, match="what the token signed with worldloom-certificates does not verify"):
            signer.sign(b"x")


@pytest.mark.django_db
@committed
def test_the_log_signs_and_rotates_in_a_token_while_certificates_are_signed_elsewhere(
    keys: Pkcs11Keys, settings: Any, tmp_path: Path
) -> None:
    settings.DATA_FOLDER = tmp_path
    settings.KEYS_OF_USE = {"log": "ledger.signing.pkcs11.Pkcs11Keys"}
    settings.PKCS11 = settings_for(labels={"log": ["worldloom-log"]})
    register_keys(now=NOW)
    first = seal(now=NOW).checkpoint.note
    old = queries.verifier_key()
    assert old.public_key == keys.signer("log").public_key.public_bytes_raw()
    assert open_checkpoint(first, old).size == len(queries.key_uses())
    assert sorted(path.name for path in (tmp_path / "keys").glob("*.pem")) == sorted(
        f"{use}.pem" for use in queries.key_uses() if use != "log"
    )

    settings.PKCS11 = settings_for(labels={"log": ["worldloom-log", "worldloom-log-2027"]})
    rotate_key(use="log", until=NOW + timedelta(days=30), now=NOW)
    note = seal(now=NOW).checkpoint.note
    new = queries.verifier_key()
    assert new != old
    assert open_checkpoint(note, old) == open_checkpoint(note, new)
