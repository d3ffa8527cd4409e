"""The certificate on paper: read back, scanned and taken apart by libraries that are not ours."""

import hashlib
import io
import json
from uuid import UUID

import pypdf
import pypdfium2
import pytest
import zxingcpp
from joserfc import jws as joserfc_jws
from joserfc.jwk import KeySet

import ledger.queries
from ledger.attestations import keyset
from ledger.signing.jws import parse_compact, sign_compact
from marketplace.licensing import certificates, erasing, papers
from marketplace.licensing import operations as licensing
from marketplace.licensing.holdings import Project
from marketplace.licensing.models import Grant, TermsText
from marketplace.licensing.terms.document import digest_of, terms_document
from marketplace.licensing.terms.model import Terms
from marketplace.licensing.terms.ready import READY
from marketplace.licensing.words import text_of
from marketplace.people.models import Studio
from marketplace.ui import typesetting
from tests.api.studios import Market
from tests.cast import NOON, later

SITE = "https://worldloom.example"
LONG = "灯笼星云影业有限责任公司" * 10
REGISTER = "统一社会信用代码 91310000MA1FL0LX4B"
CREDIT = ("World “Sea of Clouds” by Alice & Bob, 云海之上的世界，版权所有 — " * 4)[:200]


def read_back(paper: bytes) -> tuple[pypdf.PdfReader, str]:
    """The paper and its text without breaks, by pypdf."""
    reader = pypdf.PdfReader(io.BytesIO(paper), strict=True)
    return reader, "".join("".join(page.extract_text().split()) for page in reader.pages)


def squeezed(text: str) -> str:
    return "".join(text.split())


@pytest.fixture
def worst(market: Market) -> Grant:
    """A license with names as long as they may be, under terms of somebody's own."""
    studio = market.cast.studio
    Studio.objects.filter(pk=studio.pk).update(
        legal_name=LONG, country="CN", registration="统一社会信用代码 91310000MA1FL0LX4B"
    )
    studio.refresh_from_db()
    project = Project.objects.create(
        studio=studio, name="夜航：The Night Ferry of Łódź " * 4, created_by=market.cast.carol, created_at=NOON
    )
    terms = Terms(
        **{name: getattr(READY["studio"], name) for name in Terms.__dataclass_fields__}
        | {"name": "x" * 40, "credit_line": CREDIT, "banned": frozenset({"weapons", "military", "gambling"})}
    )
    row = TermsText.objects.create(
        digest=digest_of(terms),
        name=terms.name,
        document=terms_document(terms),
        text_en=text_of(terms, "en"),
        text_zh_hans=text_of(terms, "zh-hans"),
        created_at=NOON,
    )
    offer = market.offer()
    offer.pk, offer.terms = UUID(int=7, version=4), row
    offer.save(force_insert=True)
    return licensing.grant(
        offer=offer, studio=studio, source="order-line:9", project=project, ends_at=later(days=365), now=NOON
    )


def test_the_paper_says_what_was_signed_in_both_languages(grant: Grant) -> None:
    reader, text = read_back(papers.certificate_pdf(grant, SITE))
    assert len(reader.pages) == 3
    for said in (
        *("License certificate", "授权证书", "Lantern Films", "Sea of Clouds · 云海", "alice/yunhai 1.0.0"),
        *(grant.release.digest, grant.terms_id, str(grant.pk), "order-line:1", "30"),
        *("All projects of the licensee", "被授权方的所有项目", "from 2026-11-22 13:00 UTC on, without an end"),
        *("Not exclusive · 非独家", "New license · 新授权", "2026-11-22 13:00:00 UTC", "Studio"),
        *(grant.terms.text_en, grant.terms.text_zh_hans),
        f"certificate.jws SHA-256 {grant.certificate_sha256}",
    ):
        assert squeezed(said) in text, said
    assert "100.01" not in text
    assert reader.metadata["/CreationDate"] == "D:20261122130000+00'00'"


def test_the_signed_certificate_is_attached_to_it(grant: Grant) -> None:
    reader, _text = read_back(papers.certificate_pdf(grant, SITE))
    ((name, (content,)),) = reader.attachments.items()
    assert (name, content) == ("certificate.jws", grant.certificate.encode())
    assert hashlib.sha256(content).hexdigest() == grant.certificate_sha256
    verified = joserfc_jws.deserialize_compact(content.decode(), KeySet.import_key_set(keyset.key_set()))
    assert json.loads(verified.payload)["id"] == f"urn:uuid:{grant.pk}"


def test_its_code_leads_to_its_page(grant: Grant) -> None:
    page = pypdfium2.PdfDocument(papers.certificate_pdf(grant, SITE))[0]
    (code,) = zxingcpp.read_barcodes(page.render(scale=2).to_pil())
    assert code.text == f"{SITE}/certificates/{grant.pk}"


def test_the_same_license_gives_the_same_bytes(grant: Grant) -> None:
    paper = papers.certificate_pdf(grant, SITE)
    assert papers.certificate_pdf(Grant.objects.get(pk=grant.pk), SITE) == paper
    assert len(paper) < 150_000
    assert papers.certificate_pdf(grant, "https://elsewhere.example") != paper


def test_fonts_come_along_cut_down(grant: Grant) -> None:
    reader, _text = read_back(papers.certificate_pdf(grant, SITE))
    fonts = [font.get_object() for page in reader.pages for font in page["/Resources"]["/Font"].get_object().values()]
    named = {font["/BaseFont"] for font in fonts if "/FontDescriptor" in font}
    assert named
    assert all(name[7] == "+" and "NotoSans" in name for name in named)
    assert all("/FontFile2" in font["/FontDescriptor"].get_object() for font in fonts if "/FontDescriptor" in font)


def test_long_names_are_whole_and_stay_on_the_page(worst: Grant) -> None:
    paper = papers.certificate_pdf(worst, SITE)
    reader, text = read_back(paper)
    for said in (LONG, REGISTER, worst.project.name, "China · 中国", CREDIT, "x" * 40):
        assert squeezed(said) in text, said
    document = pypdfium2.PdfDocument(paper)
    for number in range(len(document)):
        words = document[number].get_textpage()
        for index in range(words.count_chars()):
            left, bottom, right, top = words.get_charbox(index)
            assert 0 <= left <= right <= typesetting.WIDTH - typesetting.MARGIN + 1
            assert 20 <= bottom <= top <= typesetting.HEIGHT - 20
    assert "until before 2027-11-22 12:00 UTC".replace(" ", "") in text
    assert len(reader.pages) >= 3


def test_former_certificates_are_printed_too(grant: Grant) -> None:
    said = certificates.read(parse_compact(grant.certificate))
    first = {name: said.subject[name] for name in (*certificates.FIRST_WORDS, "terms_texts")}
    claims = first | {"iss": said.issuer, "iat": said.issued_at, "jti": said.grant}
    grant.certificate = sign_compact(claims, typ="worldloom-license+jwt", signer=ledger.queries.signer("certificates"))
    _reader, text = read_back(papers.certificate_pdf(grant, SITE))
    assert "LanternFilms" in text
    assert "被授权方的所有项目" not in text


def test_what_cannot_be_printed_is_said(grant: Grant) -> None:
    grant.terms.text_en += "And everything else is allowed.\n"
    with pytest.raises(papers.UnableToPrint) as refusal:
        papers.certificate_pdf(grant, SITE)
    assert (
        str(refusal.value) == f"The words of the terms of license {grant.pk} are not those that its certificate names."
    )
    erasing.erase_licensee(studio=grant.studio)
    with pytest.raises(papers.UnableToPrint, match="was erased, so its papers cannot be made again"):
        papers.certificate_pdf(Grant.objects.get(pk=grant.pk), SITE)
