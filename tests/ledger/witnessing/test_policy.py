"""Policies in the c2sp.org/tlog-policy format: the example of the standard, and every way in which one can be wrong."""

import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.checks import Error
from django.core.management import CommandError, call_command

from ledger.log.checkpoint import TreeHead, UnableToVerifyNote, sign_checkpoint
from ledger.log.cosignature import ED25519_COSIGNATURE, CosignerKey, cosign
from ledger.witnessing.policy import Policy, UnableToReadPolicy, configured
from ledger.witnessing.startup import witness_policy
from tests.ledger import makers

LOG = f"log {makers.verifier_key()}\n"
HEAD = TreeHead(makers.ORIGIN, 7, hashlib.sha256(b"root").digest())
NOTE = sign_checkpoint(HEAD, makers.verifier_key(), makers.LOG_KEY.sign)


def private(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def key(name: str) -> CosignerKey:
    public = private(name).public_key().public_bytes_raw()
    return CosignerKey(f"{name}.example", ED25519_COSIGNATURE, public)


def lines(*names: str) -> str:
    return "".join(f"witness {name} {key(name)}\n" for name in names)


def cosigned(*names: str) -> str:
    return NOTE + "".join(cosign(key(name), HEAD.to_text(), private(name).sign, 1_764_000_000) for name in names)


EXAMPLE = f"""{LOG}
{lines("X1", "X2", "X3")}group X-witnesses 2 X1 X2 X3

{lines("Y1", "Y2", "Y3")}group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


@pytest.mark.parametrize(
    ("names", "enough"),
    [
        ("", False),
        ("X1 X2 X3", False),
        ("X1 Y1 Y2 Y3", False),
        ("X1 X3 Y2", True),
        ("X1 X2 X3 Y1 Y2 Y3", True),
        ("X1 Z9 Y1", False),
    ],
)
def test_the_example_of_the_standard(names, enough):
    policy = Policy.parse(EXAMPLE.encode())
    assert policy.is_met_by(names.split()) is enough
    known = [name for name in names.split() if name != "Z9"]
    if enough:
        assert policy.verify(cosigned(*known)) == HEAD
    else:
        with pytest.raises(UnableToVerifyNote, match="its quorum is not met by"):
            policy.verify(cosigned(*known))


def test_a_known_witnesss_bad_line_spoils_the_note():
    policy = Policy.parse(EXAMPLE.encode())
    elsewhere = TreeHead(makers.ORIGIN, 8, HEAD.root)
    lie = cosign(key("Y3"), elsewhere.to_text(), private("Y3").sign, 1_764_000_000)
    with pytest.raises(UnableToVerifyNote, match="its cosignature does not verify"):
        policy.verify(cosigned("X1", "X2", "Y1") + lie)


def test_only_its_logs_are_good_and_without_any_cosignatures_decide():
    stranger = private("stranger")
    theirs = sign_checkpoint(HEAD, makers.verifier_key(stranger), stranger.sign)
    with pytest.raises(UnableToVerifyNote):
        Policy.parse(f"{LOG}quorum none\n".encode()).verify(theirs)
    assert Policy.parse(b"quorum none").verify(theirs) == HEAD
    assert Policy.parse(f"{LOG}quorum none\n".encode()).verify(NOTE) == HEAD


def test_blanks_comments_addresses_and_octets_are_as_the_standard_has_them():
    text = f"\t# 见证人\n\n  witness \t 织界 {key('X1')}  https://w.example/x \n \tquorum\t织界".encode()
    policy = Policy.parse(text)
    assert policy.witnesses["织界"].url == "https://w.example/x"
    assert (policy.logs, policy.quorum) == ((), "织界")
    assert policy.digest == hashlib.sha256(text).hexdigest()
    octets = b"witness \xe9 " + str(key("X1")).encode() + b"\nquorum \xe9\n"
    assert Policy.parse(octets).is_met_by(["\udce9"])


WRONG = {
    "": "it has no quorum line",
    "quorum X1\n": "line 1 .*no line before it defines “X1”",
    "quorum none\nquorum none\n": "line 2 .*second quorum line",
    "quorum\n": "a quorum line is",
    "quorums none\n": "“quorums” is none of log, witness, group, quorum",
    "Quorum none\n": "“Quorum” is none of",
    "log\nquorum none\n": "a log line is",
    f"{LOG}{LOG}quorum none\n": "line 2 .*same log key stands in it twice",
    f"log {key('X1')}\nquorum none\n": "a log signs with a key of type 0x01 or 0x06",
    f"witness w {makers.verifier_key()}\nquorum w\n": "a witness cosigns with a key of type 0x04 or 0x06",
    "witness w nonsense\nquorum none\n": "it is not of the form name",
    f"witness none {key('X1')}\nquorum none\n": "the name “none” is taken",
    f"{lines('X1')}{lines('X1')}quorum X1\n": "the name “X1” is taken",
    f"{lines('X1')}witness X2 {key('X1')}\nquorum X1\n": "same witness key stands in it twice",
    f"witness X1 {key('X1')} a b\nquorum X1\n": "a witness line is",
    f"{lines('X1')}group g any\nquorum g\n": "a group line is",
    f"{lines('X1')}group g 2 X1\nquorum g\n": "“2” is not all, any or a number from 1 to 1",
    f"{lines('X1')}group g 0 X1\nquorum g\n": "“0” is not",
    f"{lines('X1')}group g 01 X1\nquorum g\n": "“01” is not",
    f"{lines('X1')}group g any X1 X1\nquorum g\n": "“X1” is a member of a group already",
    f"{lines('X1', 'X2')}group g any X1\ngroup h all X1 X2\nquorum h\n": "line 4 .*member of a group already",
    f"{lines('X1')}group g any none\nquorum g\n": "no line before it defines “none”",
    f"{lines('X1')}group g any g\nquorum g\n": "no line before it defines “g”",
    f"group g any X1\n{lines('X1')}quorum g\n": "line 1 .*no line before it defines “X1”",
    "quorum none\r\n": "line 1 holds a control character",
    "# \x7f\nquorum none\n": "line 1 holds a control character",
    "#" * 300_000: "it is longer than 262144 bytes",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_policy_that_is_wrong_names_its_line(text):
    with pytest.raises(UnableToReadPolicy, match=WRONG[text]):
        Policy.parse(text.encode())


def test_as_many_as_the_standard_asks_for_and_more():
    names = [f"W{number}" for number in range(64)]
    groups = "".join(f"group g{number} any {name}\n" for number, name in enumerate(names))
    text = f"{lines(*names)}{groups}group most 33 {' '.join(f'g{i}' for i in range(64))}\nquorum most\n"
    policy = Policy.parse(text.encode())
    assert not policy.is_met_by(names[:32])
    assert policy.is_met_by(names[:33])


def test_no_setting_no_policy(settings):
    settings.WITNESS_POLICY = ""
    assert configured() is None
    assert witness_policy(None) == []


def test_a_policy_that_cannot_be_kept_stops_every_command_at_its_start(policy):
    path = policy("quorum w1\n")
    said = f"The witness policy cannot be used: {path}: line 1 is wrong: no line before it defines “w1”."
    assert [(type(one), one.msg) for one in witness_policy(None)] == [(Error, said)]
    # Django's own commands end with SystemCheckError, which lists the message.
    with pytest.raises(CommandError, match="ledger.E001"):
        call_command("check")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"log {makers.verifier_key(origin='elsewhere.example')}\nquorum none\n", "names other logs, and not ours"),
        (f"{lines('X1')}quorum X1\n", "nobody can ask witnesses without an address: X1"),
        (f"witness X1 {key('X1')} ftp://w.example\nquorum X1\n", "is no http or https address"),
        (f"witness X1 {key('X1')} https://bob:pw@w.example\nquorum X1\n", "is no http or https address"),
        (f"witness X1 {key('X1')} https://w.example:99999\nquorum X1\n", "is no http or https address"),
        (f"witness X1 {key('X1')} https:///w?x\nquorum X1\n", "is no http or https address"),
    ],
)
def test_a_policy_that_our_log_could_never_keep_is_refused(policy, text, reason):
    policy(text)
    with pytest.raises(UnableToReadPolicy, match=reason):
        configured()


def test_a_policy_file_that_is_not_there_is_named(settings, tmp_path):
    settings.WITNESS_POLICY = str(tmp_path / "nowhere")
    with pytest.raises(UnableToReadPolicy, match=r"nowhere cannot be read \(No such file or directory\)"):
        configured()


def test_a_changed_file_is_read_again(policy):
    assert configured_after(policy("quorum none\n")) == "none"
    assert configured_after(policy(f"witness X1 {key('X1')} https://w.example\nquorum X1\n")) == "X1"


def configured_after(_path: Path) -> str:
    found = configured()
    assert found is not None
    return found.quorum
