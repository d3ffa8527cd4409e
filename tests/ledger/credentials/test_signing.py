"""Pictures with credentials: what is inside, and what two validators say of them when something is wrong."""

import io
import logging
import os
from datetime import timedelta
from typing import Any

import encypher_c2pa
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.utils import timezone
from PIL import Image

from ledger.credentials import keyfiles, papers
from ledger.credentials.base import TRAINING, Origin, Source, UnableToSignPicture, Use
from ledger.credentials.issuing import chain_of, roots
from ledger.credentials.native import Party
from ledger.credentials.signing import Pen, pen_for, sign_bytes, sign_picture
from ledger.custody import current_key
from ledger.models import CreatorKey, CreatorKeyEnd, CredentialCertificate
from ledger.rotation import rotate_key
from ledger.signing.files import FileSigner
from tests.cast import NOON, creator, later
from tests.ledger.credentials.pictures import (
    COPY,
    FORMATS,
    ORIGINAL,
    REFUSED,
    RELEASE,
    TERMS,
    picture,
    read,
    said_of,
    signed,
)

pytestmark = pytest.mark.django_db

DRAWN = Origin(sha256=ORIGINAL, media_type="model/gltf-binary", how="drawn")
ITSELF = Origin(sha256=ORIGINAL, media_type="image/png", how="itself", steps=("c2pa.published",))
BOBS = Source("bob/ink 1.0.0", "4d" * 32)


def second_opinion(content: bytes, media_type: str = "image/webp", **trust: str) -> tuple[str, set[str], set[str]]:
    """The state, what failed and what held, by a validator whose core is not c2pa-rs."""
    creators = [{"profile": "base", "certificates_pem": trust.get("creators") or roots("creators")}]
    said = encypher_c2pa.verify(
        content,
        media_type,
        trust_pem=trust.get("platform") or roots("platform"),
        cawg_trust_configurations=creators,
        no_default_trust=True,
        telemetry=False,
        online=False,
    )
    results = said["validation_results"]
    failed, held = ({one["code"] for one in results[kind]} for kind in ("failure", "success"))
    return said["validation_state"], failed, held


def another_root() -> str:
    key = keyfiles.make("somebody", "root")
    return papers.pem([papers.root("platform", key, timezone.now())])


@pytest.mark.parametrize("media_type", FORMATS)
@pytest.mark.parametrize("origin", [COPY, DRAWN, ITSELF], ids=lambda origin: origin.how)
def test_two_validators_trust_a_picture_under_our_roots(media_type: str, origin: Origin) -> None:
    content = signed(said_of(creator("alice"), parents=(BOBS,)), media_type, origin)

    ours = read(content, media_type)
    state, failed, held = second_opinion(content, media_type)

    assert (ours.state, ours.failures) == ("Trusted", frozenset())
    assert {"signingCredential.trusted", "cawg.x509.credential.trusted"} <= ours.successes
    assert (state, failed) == ("Trusted", set())
    assert {"signingCredential.trusted", "cawg.identity.trusted"} <= held
    assert Image.open(io.BytesIO(content)).tobytes() == Image.open(io.BytesIO(picture(media_type))).tobytes()
    assert len(content) - len(picture(media_type)) < 12_000


def test_a_manifest_says_what_was_done_from_what_and_where_to_look_it_up() -> None:
    reading = read(signed(said_of(creator("alice"), parents=(BOBS,), made_by="ai-assisted", terms=TERMS)))

    source_types = "http://cv.iptc.org/newscodes/digitalsourcetype/"
    opened, *steps = reading.assertion("c2pa.actions.v2")["actions"]
    assert opened["action"] == "c2pa.opened"
    assert opened["digitalSourceType"] == source_types + "compositeWithTrainedAlgorithmicMedia"
    assert steps == [{"action": "c2pa.resized"}, {"action": "c2pa.converted"}]
    assert reading.manifest is not None
    ingredients = reading.manifest["ingredients"]
    assert [(one["title"], one["relationship"], one["description"]) for one in ingredients] == [
        ("cover.png", "parentOf", f"SHA-256 {ORIGINAL}"),
        ("bob/ink 1.0.0", "inputTo", f"Release {'4d' * 32}"),
    ]
    assert reading.assertion("org.worldloom.release") == {
        "format": "worldloom/content-credentials/1",
        "release": RELEASE,
        "title": "alice/yunhai 1.0.0",
        "path": "cover.png",
        "original": ORIGINAL,
        "made_by": "ai-assisted",
        "creator": "alice",
        "signed_by": ["platform", "creator"],
        "log": "localhost/worldloom",
        "lookup": f"http://127.0.0.1:8000/log/lookup/digest:{RELEASE}",
        "terms": TERMS,
        "terms_at": f"http://127.0.0.1:8000/terms/{TERMS}",
    }
    assert "thumbnail" not in reading.manifest


@pytest.mark.parametrize(("made_by", "source_type"), [("human", "digitalCreation"), ("ai", "trainedAlgorithmicMedia")])
def test_how_a_work_was_made_is_told_in_the_words_of_iptc(made_by: str, source_type: str) -> None:
    reading = read(signed(said_of(creator("alice"), made_by=made_by)))

    first = reading.assertion("c2pa.actions.v2")["actions"][0]
    assert first["digitalSourceType"].rpartition("/")[2] == source_type


def test_what_is_drawn_of_weights_is_no_work_of_their_creator_nor_of_a_model() -> None:
    reading = read(signed(said_of(creator("alice"), made_by="ai"), origin=DRAWN))

    (created,) = reading.assertion("c2pa.actions.v2")["actions"]
    assert created["action"] == "c2pa.created"
    assert created["digitalSourceType"].endswith("/algorithmicMedia")


def test_conditions_of_training_are_in_the_picture_and_signed_by_the_creator() -> None:
    training = REFUSED | {TRAINING: Use("constrained", "as the terms allow")}
    reading = read(signed(said_of(creator("alice"), training=training)))

    entries = reading.assertion("cawg.training-mining")["entries"]
    assert entries[TRAINING] == {"use": "constrained", "constraint_info": "as the terms allow"}
    assert entries["cawg.data_mining"] == {"use": "notAllowed"}
    payload = reading.assertion("cawg.identity")["signer_payload"]
    referenced = {one["url"].rpartition("/")[2] for one in payload["referenced_assertions"]}
    assert {"cawg.training-mining", "c2pa.actions.v2", "org.worldloom.release"} <= referenced
    assert payload["role"] == ["cawg.creator"]


def test_a_wrong_root_is_not_trusted_so_our_settings_are_read() -> None:
    """The library ignores settings that it does not know: only what it then says shows that it knows ours."""
    content, other = signed(said_of(creator("alice"))), another_root()

    wrong = read(content, platform_roots=other)
    none = read(content, platform_roots="", creators_roots="")

    assert (wrong.state, wrong.failures) == ("Valid", frozenset({"signingCredential.untrusted"}))
    assert none.state == "Valid"
    assert "signingCredential.untrusted" in none.failures
    assert "cawg.x509.credential.untrusted" in read(content, creators_roots=other).failures
    assert second_opinion(content, platform=other)[0] == "Valid"
    assert "cawg.identity.trusted" not in second_opinion(content, creators=other)[2]


def test_the_platforms_root_does_not_vouch_for_creators_nor_theirs_for_claims() -> None:
    content = signed(said_of(creator("alice")))

    swapped = read(content, platform_roots=roots("creators"), creators_roots=roots("platform"))

    assert swapped.state == "Valid"
    assert {"signingCredential.untrusted", "cawg.x509.credential.untrusted"} <= swapped.failures


@pytest.mark.parametrize("media_type", FORMATS)
def test_a_flipped_byte_of_the_picture_is_noticed(media_type: str) -> None:
    content = bytearray(signed(said_of(creator("alice")), media_type))
    place = content.find(picture(media_type)[-40:-20])
    assert place > 0
    content[place + 3] ^= 1

    assert read(bytes(content), media_type).state == "Invalid"
    assert second_opinion(bytes(content), media_type)[0] == "Invalid"


def test_permission_that_was_written_into_a_picture_afterwards_is_noticed() -> None:
    content = signed(said_of(creator("alice")))
    forged = content.replace(b"notAllowed", b"notallowed", 1)
    assert forged != content

    assert read(forged).state == "Invalid"
    assert "assertion.hashedURI.mismatch" in read(forged).failures
    assert second_opinion(forged)[0] == "Invalid"


def test_a_picture_that_was_saved_anew_has_no_credentials_left() -> None:
    out = io.BytesIO()
    Image.open(io.BytesIO(signed(said_of(creator("alice"))))).save(out, "WEBP")

    assert read(out.getvalue()).state == "none"
    assert read(picture()).state == "none"


def test_bytes_that_are_no_picture_are_invalid_and_not_an_error() -> None:
    assert read(b"RIFF\x10\0\0\0WEBPC2PA", "image/webp").state in ("Invalid", "none")


def test_where_the_creators_key_is_their_own_the_platform_signs_alone_and_says_so() -> None:
    alice = creator("alice")
    mine = FileSigner("Ed25519", Ed25519PrivateKey.generate())
    CreatorKey.objects.create(
        kid=mine.kid, creator=alice, custody="own", public_jwk=mine.public_jwk, registered_at=NOON
    )

    reading = read(signed(said_of(alice)))

    assert reading.state == "Trusted"
    assert reading.assertion("cawg.identity") is None
    assert reading.assertion("org.worldloom.release")["signed_by"] == ["platform"]
    assert not CredentialCertificate.objects.filter(authority="creators", role="leaf").exists()


def test_a_creator_whose_key_was_rotated_signs_with_the_new_one_and_the_old_pictures_stay_valid() -> None:
    alice = creator("alice")
    before = signed(said_of(alice))
    old = current_key(alice)
    CreatorKeyEnd.objects.create(key=old, reason="superseded", ended_at=NOON)

    after = signed(said_of(alice))

    kids = set(CredentialCertificate.objects.filter(authority="creators", role="leaf").values_list("kid", flat=True))
    assert kids == {old.kid, current_key(alice).kid}  # type: ignore[union-attr]
    assert read(before).state == read(after).state == "Trusted"
    serials = {read(one).assertion("cawg.identity")["signature_info"]["cert_serial_number"] for one in (before, after)}
    assert len(serials) == 2


def test_the_claims_key_that_rotated_gets_a_leaf_of_its_own() -> None:
    alice = creator("alice")
    before = signed(said_of(alice))

    rotate_key(use="claims", until=later(days=30), now=NOON)
    after = signed(said_of(alice))

    assert CredentialCertificate.objects.filter(authority="platform", role="leaf").count() == 2
    assert read(before).state == read(after).state == "Trusted"


class FarAway:
    """A key that is not in this process, as one in an HSM."""

    def __init__(self, signer: FileSigner, answer: bytes | None = None) -> None:
        self._signer, self._answer = signer, answer
        self.kid, self.algorithm = signer.kid, signer.algorithm
        self.public_key, self.public_jwk = signer.public_key, signer.public_jwk

    def sign(self, message: bytes) -> bytes:
        return self._signer.sign(message) if self._answer is None else self._answer


def far_away(pen: Pen, answer: bytes | None = None) -> Pen:
    far = FarAway(pen.platform.signer, answer)  # type: ignore[arg-type]
    return Pen(Party(far, pen.platform.chain), pen.creator, pen.platform_roots, pen.creators_roots)  # type: ignore[arg-type]


def write(pen: Pen, said: Any) -> bytes:
    return sign_bytes(pen=pen, credentials=said, origin=COPY, picture=picture(), media_type="image/webp")


def test_keys_in_an_hsm_sign_too() -> None:
    said = said_of(creator("alice"))

    content = write(far_away(pen_for(creator=said.creator, now=NOON)), said)

    assert read(content).state == "Trusted"
    assert second_opinion(content)[:2] == ("Trusted", set())


@pytest.mark.parametrize("answer", [b"", b"\1" * 64], ids=["no answer", "a wrong signature"])
def test_a_key_that_signs_wrongly_makes_no_picture(answer: bytes, caplog: pytest.LogCaptureFixture) -> None:
    said = said_of(creator("alice"))
    pen = far_away(pen_for(creator=said.creator, now=NOON), answer)

    with caplog.at_level(logging.CRITICAL), pytest.raises(UnableToSignPicture):
        write(pen, said)


def test_a_leaf_that_has_expired_signs_nothing() -> None:
    said = said_of(creator("alice"))
    pen = pen_for(creator=said.creator, now=NOON)
    long_ago = timezone.now() - timedelta(days=papers.LEAF_DAYS + 2)
    above = x509.load_pem_x509_certificate(
        CredentialCertificate.objects.get(authority="platform", role="issuing").pem.encode()
    )
    by = keyfiles.load("platform", "issuing")
    assert by is not None
    old = papers.leaf("platform", pen.platform.signer.public_key, "old", above, by, long_ago)  # type: ignore[arg-type]
    expired = Pen(Party(pen.platform.signer, papers.pem([old, above])), None, pen.platform_roots, pen.creators_roots)

    with pytest.raises(UnableToSignPicture):
        write(expired, said)


def test_another_key_than_the_certificates_signs_nothing_that_is_given_out() -> None:
    said = said_of(creator("alice"))
    pen = pen_for(creator=said.creator, now=NOON)
    other = FileSigner("ES256", keyfiles.make("somebody", "else"))
    chain = chain_of(authority="platform", signer=pen.platform.signer, common_name="x", now=timezone.now())

    with pytest.raises(UnableToSignPicture):
        write(Pen(Party(other, chain), None, pen.platform_roots, pen.creators_roots), said)


def test_types_that_take_no_credentials_are_refused_in_words() -> None:
    said = said_of(creator("alice"))
    pen = pen_for(creator=said.creator, now=NOON)

    with pytest.raises(UnableToSignPicture, match="image/x-unknown"):
        sign_bytes(pen=pen, credentials=said, origin=COPY, picture=b"?", media_type="image/x-unknown")
    with pytest.raises(UnableToSignPicture):
        sign_bytes(pen=pen, credentials=said, origin=COPY, picture=os.urandom(500), media_type="image/png")


def test_credentials_that_came_with_the_original_are_kept_as_its_history() -> None:
    bob, out = creator("bob"), io.BytesIO()
    original = signed(said_of(bob, title="bob/camera 1.0.0"), "image/png", ITSELF)

    said = said_of(creator("alice"))
    sign_picture(
        pen=pen_for(creator=said.creator, now=NOON),
        credentials=said,
        origin=ITSELF,
        picture=io.BytesIO(original),
        media_type="image/png",
        signed=out,
        original=io.BytesIO(original),
    )
    reading = read(out.getvalue(), "image/png")

    assert reading.state == "Trusted"
    assert reading.manifest is not None
    assert "active_manifest" in reading.manifest["ingredients"][0]
    assert second_opinion(out.getvalue(), "image/png")[:2] == ("Trusted", set())
