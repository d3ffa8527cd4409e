"""Content Credentials as visitors and buyers meet them: in previews, on the page, in the download."""

import hashlib
import io
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from django.test import Client
from PIL import Image
from procrastinate.contrib.django.models import ProcrastinateJob

import assets.queries
import ledger.operations
import ledger.queries
from assets.models import Asset, Blob, PreviewImage
from assets.operations import make_all_previews
from ledger import verify
from ledger.credentials import base, keyfiles
from ledger.credentials.reading import Reading
from marketplace.catalog.credentials import credentials_on_pages, unlicensed
from marketplace.catalog.models import Pack, Release, ReleaseAsset
from marketplace.licensing import bundles, credentialed, tasks
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import CredentialedCopy, Grant
from marketplace.licensing.terms.model import Terms
from marketplace.licensing.terms.ready import READY
from marketplace.people.models import Creator
from tests.cast import later
from tests.ledger.credentials.pictures import read
from tests.storefront.market import Market

SITE = "http://127.0.0.1:8000"


def previews_of(release: Release, path: str) -> list[PreviewImage]:
    asset = ReleaseAsset.objects.get(release=release, path=path).asset
    return list(PreviewImage.objects.filter(asset=asset).order_by("width", "media_type"))


def inside(image: PreviewImage) -> Reading:
    with assets.queries.open_blob(image.blob_id) as file:
        return read(file.read(), image.media_type)


def grant_of(market: Market, terms: str) -> Grant:
    return licensing.grant(
        offer=market.offer(terms), studio=market.cast.studio, source=f"order-line:{terms}", now=later(hours=1)
    )


def test_every_preview_of_a_published_pack_carries_credentials(market: Market) -> None:
    shown = previews_of(market.world, "cover.png") + previews_of(market.world, "style.safetensors")

    assert len(shown) == 8
    for image in shown:
        said = inside(image)
        assert said.state == "Trusted"
        assert said.assertion("org.worldloom.release")["release"] == market.world.digest
        assert said.assertion("org.worldloom.release")["signed_by"] == ["platform", "creator"]
        entries = said.assertion("cawg.training-mining")["entries"]
        assert {use: one["use"] for use, one in entries.items()} == dict.fromkeys(base.USES, "notAllowed")
    assert [actions_in(shown[number]) for number in (0, 2, 4)] == [
        ["c2pa.opened", "c2pa.resized", "c2pa.converted"],
        ["c2pa.opened", "c2pa.converted"],
        ["c2pa.created"],
    ]
    derived = inside(previews_of(market.derived, "cover.png")[0]).manifest
    assert derived is not None
    assert [(one["title"], one["relationship"], one["description"]) for one in derived["ingredients"]][1:] == [
        (str(market.world), "inputTo", f"Release {market.world.digest}"),
    ]


def actions_in(image: PreviewImage) -> list[str]:
    return [one["action"] for one in inside(image).assertion("c2pa.actions.v2")["actions"]]


@pytest.mark.parametrize(
    ("consent", "training", "info"),
    [
        ("not-allowed", "notAllowed", ""),
        (
            "with-license",
            "constrained",
            f"Only under a license whose terms allow AI training: {SITE}/packs/alice/yunhai",
        ),
    ],
)
def test_consent_is_told_in_the_words_of_cawg(consent: str, training: str, info: str) -> None:
    pack = Pack(creator=Creator(handle="alice"), handle="yunhai")

    said = unlicensed(Release(pack=pack, ai_training=consent), SITE)

    assert said[base.TRAINING] == said[base.GENERATIVE] == base.Use(training, info)  # type: ignore[arg-type]
    assert said[base.MINING] == said[base.INFERENCE] == base.Use("notAllowed")


def test_what_cannot_be_signed_is_not_shown_bare_and_is_made_later(
    market: Market, caplog: pytest.LogCaptureFixture
) -> None:
    asset = Asset.objects.filter(facts__kind="picture").first()
    assert asset is not None
    said = {asset.pk: credentials_on_pages([asset.pk], SITE)[asset.pk]}
    copy = Asset.objects.create(
        blob=Blob.objects.get(pk=asset.blob_id), media_type="image/x-again", facts=asset.facts, inspected_at=later()
    )
    said = {copy.pk: replace(said[asset.pk], creator=market.cast.mo)}
    path = keyfiles.path_of("creators", "issuing")
    kept = path.read_bytes()
    path.unlink()

    assert make_all_previews(assets=[copy], now=later(), credentials=said) == 0
    assert "credentials-creators-issuing.pem is not here" in caplog.text
    assert not PreviewImage.objects.filter(asset=copy).exists()

    path.write_bytes(kept)
    path.chmod(0o600)
    assert make_all_previews(assets=[copy], now=later(), credentials=said) == 1
    assert inside(PreviewImage.objects.filter(asset=copy)[0]).state == "Trusted"


def refuse(**_given: object) -> None:
    raise base.UnableToSignPicture("the HSM does not answer")


def test_a_license_brings_its_pictures_with_its_terms_inside(
    market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    grant = grant_of(market, "studio")
    ledger.operations.seal(now=later(hours=2))
    with monkeypatch.context() as broken:
        broken.setattr("assets.keeping.credentialing.pen_for", refuse)
        assert bundles.prepare(grant, site=SITE).copies == {}
    assert "the HSM does not answer" in caplog.text
    assert not CredentialedCopy.objects.exists()

    path = tmp_path / "bundle.zip"
    path.write_bytes(b"".join(bundles.stream(grant, site=SITE)))

    with zipfile.ZipFile(path) as archive:
        copy, original = archive.read("credentialed/cover.png"), archive.read("files/cover.png")
        assert [name for name in archive.namelist() if name.startswith("credentialed/")] == ["credentialed/cover.png"]
    said = read(copy, "image/png")
    assert said.state == "Trusted"
    release = said.assertion("org.worldloom.release")
    assert (release["terms"], release["terms_at"]) == (grant.terms_id, f"{SITE}/terms/{grant.terms_id}")
    assert release["original"] == hashlib.sha256(original).hexdigest()
    assert said.assertion("cawg.training-mining")["entries"][base.INFERENCE] == {
        "use": "constrained",
        "constraint_info": (
            f"Only as the license terms with SHA-256 {grant.terms_id} allow: {SITE}/terms/{grant.terms_id}"
        ),
    }
    assert "Lantern" not in copy.decode("latin-1")
    assert Image.open(io.BytesIO(copy)).tobytes() == Image.open(io.BytesIO(original)).tobytes()
    assert verify.verify(path, str(ledger.queries.verifier_key()))["grant"] == str(grant.pk)


def test_the_worker_signs_copies_once_for_all_who_hold_the_same_terms(market: Market) -> None:
    first, other = grant_of(market, "studio"), grant_of(market, "personal")
    job = ProcrastinateJob.objects.filter(task_name="licensing.sign_copies").order_by("id")[0]
    assert (job.queue_name, job.args) == ("intake", {"grant_id": str(first.pk)})
    tasks.sign_copies(**job.args)
    second = licensing.grant(
        offer=market.offer("studio"), studio=market.cast.daves_studio, source="order-line:dave", now=later(hours=1)
    )

    assert credentialed.copies(first) == credentialed.copies(first) == credentialed.copies(second)
    assert credentialed.copies(other) != credentialed.copies(first)
    assert CredentialedCopy.objects.count() == 2


@pytest.mark.parametrize(
    ("terms", "training", "inference"),
    [
        (READY["personal"], "notAllowed", "constrained"),
        (READY["studio"], "constrained", "constrained"),
        (READY["cc0-1.0"], "allowed", "constrained"),
        (READY["cc-by-4.0"], "constrained", "constrained"),
        (Terms(name="reading", ai_training="own"), "constrained", "notAllowed"),
        (Terms(name="bare"), "notAllowed", "notAllowed"),
    ],
)
def test_terms_are_told_in_the_words_of_cawg(terms: Terms, training: str, inference: str) -> None:
    said = credentialed.training_under(terms, "3c" * 32, SITE)

    assert [said[use].permission for use in base.USES] == [training, inference, training, training]
    assert all(bool(one.info) == (one.permission == "constrained") for one in said.values())


def test_the_page_says_what_is_inside_and_gives_our_roots(client: Client, market: Market) -> None:
    page = client.get("/packs/alice/yunhai").content.decode()
    part = page.partition('id="content-credentials"')[2].partition("</div>")[0]

    assert "no public trust list" in part
    for authority in ("platform", "creators"):
        assert f"/credentials/{authority}-roots.pem" in part
        answer = client.get(f"/credentials/{authority}-roots.pem")
        (root,) = x509.load_pem_x509_certificates(answer.content)
        assert root.subject == root.issuer
        assert answer.headers["Content-Type"] == "application/x-pem-file"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
    chinese = client.get("/packs/alice/yunhai", headers={"accept-language": "zh-hans"}).content.decode()
    assert "每张图片里都有内容凭证" in chinese


def test_there_are_no_roots_before_the_first_picture_and_no_others(client: Client, db: None) -> None:
    assert client.get("/credentials/platform-roots.pem").status_code == 404
    assert client.get("/credentials/somebody-roots.pem").status_code == 404
