"""What the two parties of a claim see of its evidence, side by side and in their language, and Dave nothing of."""

import io
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from PIL import Image, ImageOps

from marketplace.intake.models import Claim, Submission
from tests import packs
from tests.assets import loras
from tests.assets.bringing import factors
from tests.cast import Cast, on_stage
from tests.intake.stage import examined, hand_in
from tests.portal.sending import signed_in
from tests.portal.test_submissions import page


@pytest.fixture
def cast(db: None) -> Cast:
    return on_stage()


def painted() -> Image.Image:
    """A picture that says enough to be known again."""
    ramp = Image.linear_gradient("L").resize((512, 320))
    ramp.paste(Image.radial_gradient("L").resize((200, 160)), (40, 30))
    ramp.paste(240, (300, 200, 460, 290))
    return ramp.convert("RGB")


def written(picture: Image.Image, form: str) -> bytes:
    file = io.BytesIO()
    picture.save(file, form)
    return file.getvalue()


@pytest.fixture
def mirrored(cast: Cast, tmp_path: Path) -> Claim:
    """Bob mirrored a picture of Alice's that her page does not show."""
    for creator, handle, seed, picture, form in [
        (cast.alice, "clouds", 1, painted(), "PNG"),
        (cast.bob, "mist", 2, ImageOps.mirror(painted()), "JPEG"),
    ]:
        folder = packs.write(tmp_path / handle, handle=handle, seed=seed)
        name = f"pier.{form.lower()}"
        (folder / name).write_bytes(written(picture, form))
        toml = (folder / "pack.toml").read_text().replace('path = "prompts.txt"', f'path = "{name}"')
        (folder / "pack.toml").write_text(toml.replace('"prompts.txt"', f'"{name}"'))
        examined(hand_in(creator, folder, timezone.now()), timezone.now())
    return Claim.objects.get()


def test_both_pictures_stand_side_by_side_for_the_two_parties(cast: Cast, mirrored: Claim) -> None:
    address = f"/portal/claims/{mirrored.pk}"
    assert mirrored.relation == "same-picture"
    for party in (cast.alice, cast.bob):
        client = signed_in(party.person)
        text = page(client.get(address))
        for picture in (f"{address}/picture", f"{address}/picture/claimed"):
            assert f'src="{picture}"' in text
            answer = client.get(picture)
            assert answer.content[8:12] == b"WEBP"
            assert max(Image.open(io.BytesIO(answer.content)).size) <= 480


def test_how_a_picture_is_turned_is_said_in_words(cast: Cast, mirrored: Claim) -> None:
    client = signed_in(cast.bob.person)
    address = f"/portal/claims/{mirrored.pk}"
    assert "左右镜像" in client.get(address, headers={"Accept-Language": "zh-Hans"}).content.decode()


def test_dave_and_those_who_are_no_party_come_by_no_address_of_a_claim(cast: Cast, mirrored: Claim) -> None:
    address = f"/portal/claims/{mirrored.pk}"
    for client, status in [(Client(), 302), (signed_in(cast.dave), 302), (signed_in(cast.mo.person), 404)]:
        for path in ("", "/picture", "/picture/claimed"):
            assert client.get(address + path).status_code == status
        for kind in ("countered", "maintained", "accepted", "withdrawn"):
            assert client.post(f"{address}/answer", {"kind": kind, "statement": "Mine."}).status_code == status
    assert [event.kind for event in mirrored.events.all()] == ["opened"]


def test_nobody_decides_by_an_answer(cast: Cast, mirrored: Claim) -> None:
    for party in (cast.alice, cast.bob):
        for kind in ("upheld", "dismissed", "opened"):
            answer = signed_in(party.person).post(f"/portal/claims/{mirrored.pk}/answer", {"kind": kind})
            assert answer.status_code == 422
    assert mirrored.events.count() == 1


@pytest.fixture
def mixed(cast: Cast, tmp_path: Path) -> Submission:
    """Bob mixed a LoRA of Alice's with one of Mo's."""
    weights = {
        "clouds": loras.kohya(factors(1)),
        "harbor": loras.kohya(factors(2)),
        "mist": loras.kohya(loras.concatenated([(factors(1), 0.5), (factors(2), 0.25)])),
    }
    for creator, handle in [(cast.alice, "clouds"), (cast.mo, "harbor"), (cast.bob, "mist")]:
        folder = packs.write(tmp_path / handle, handle=handle, seed=ord(handle[0]))
        (folder / "style.safetensors").write_bytes(weights[handle])
        submission = examined(hand_in(creator, folder, timezone.now()), timezone.now())
    return submission


def test_a_merge_is_shown_with_its_sources_and_their_weights(cast: Cast, mixed: Submission) -> None:
    claim = Claim.objects.get(claimant=cast.mo)
    text = page(signed_in(cast.mo.person).get(f"/portal/claims/{claim.pk}"))
    assert "What it is mixed from" in text
    for source in ("alice/clouds@1.0.0: style.safetensors", "mo/harbor@1.0.0: style.safetensors"):
        assert source in text
    weights = [row["weight_ppm"] for row in claim.evidence["found"]["sources"]]
    assert weights == [pytest.approx(500_000, abs=20_000), pytest.approx(250_000, abs=20_000)]


def test_what_is_held_names_who_claims_it_and_until_when_to_answer(cast: Cast, mixed: Submission) -> None:
    text = page(signed_in(cast.bob.person).get(f"/portal/submissions/{mixed.pk}"))
    for name in ("Alice", "Mo"):
        assert f"See the claim about style.safetensors, by {name}" in text
    assert text.count("whoever says nothing has accepted it") == 2


def test_an_answer_leads_to_the_word_that_it_was_taken(cast: Cast, mirrored: Claim) -> None:
    bob, address = signed_in(cast.bob.person), f"/portal/claims/{mirrored.pk}"
    said = bob.post(f"{address}/answer", {"kind": "countered", "statement": "I painted it."})
    assert said.headers["Location"] == f"{address}#top"  # or the browser stays where the form was


def test_the_operator_reads_statements_that_cannot_speak_to_the_terminal(cast: Cast, mirrored: Claim) -> None:
    statement = "Mine.\n  2026-11-29 12:00 withdrawn\n\x1b[2J"
    signed_in(cast.bob.person).post(
        f"/portal/claims/{mirrored.pk}/answer", {"kind": "countered", "statement": statement}
    )
    shown = io.StringIO()
    call_command("claims", str(mirrored.pk), stdout=shown)
    assert "    | Mine.\n    |   2026-11-29 12:00 withdrawn\n    | \\x1b[2J\n" in shown.getvalue()
    assert "\x1b" not in shown.getvalue()
