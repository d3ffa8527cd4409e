"""The certificate of a license on paper: a PDF in both languages, from the very claims that are signed.

Both languages stand on each paper, whoever asks for it: its words are here side by side, and not in the catalogs.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from babel import Locale
from django.utils import translation
from django.utils.translation import gettext as _

from ledger.signing.jws import parse_compact
from marketplace.licensing import certificates, rules
from marketplace.licensing.certificates import Certificate
from marketplace.licensing.models import Grant
from marketplace.licensing.words import TERMS
from marketplace.ui.formats import say, short_hash
from marketplace.ui.typesetting import (
    BODY,
    HEADLINE,
    MARGIN,
    NAME,
    SMALL,
    STRONG,
    SUBTITLE,
    TITLE,
    VALUE,
    WIDTH,
    Paper,
    Style,
    width_of,
)

Both = tuple[str, str]
"""The same in English and in Chinese."""

HEADING: Both = ("License certificate", "授权证书")
STATEMENT: Both = (
    "{issuer} certifies that the licensee named here holds a license of the work named here, granted by its creator"
    " under the terms that follow.",
    "{issuer} 兹证明：下列被授权方持有下列作品的授权，由其创作者依后附条款授予。",
)
LABELS: Mapping[str, Both] = {
    "licensee": ("Licensee", "被授权方"),
    "seat": ("Legal seat", "注册地与登记号"),
    "work": ("Work", "作品"),
    "manifest": ("Manifest", "清单"),
    "terms": ("Terms", "条款"),
    "digest": ("Data of the terms", "条款数据"),
    "project": ("Project", "项目"),
    "seats": ("Seats", "席位"),
    "time": ("Time", "期限"),
    "exclusive": ("Exclusivity", "独家"),
    "kind": ("Kind", "类别"),
    "granted": ("Granted", "授予时间"),
    "receipt": ("Receipt", "凭据"),
    "number": ("License number", "授权编号"),
    "key": ("Signed with key", "签名密钥"),
}
KINDS: Mapping[str, Both] = {
    "new": ("New license", "新授权"),
    "renewal": ("Renewal of {replaces}", "续期，原授权为 {replaces}"),
    "upgrade": ("Upgrade of {replaces}", "升级，原授权为 {replaces}"),
    "transfer": ("Transfer of {replaces}", "转让，原授权为 {replaces}"),
}
ALL_PROJECTS: Both = ("All projects of the licensee", "被授权方的所有项目")
NO_LIMIT: Both = ("Without limit", "不限")
OPEN_END: Both = ("from {starts} on, without an end", "自 {starts} 起，无终止日")
PERIOD: Both = ("from {starts} until before {ends}", "自 {starts} 起，至 {ends} 前止")
EXCLUSIVE: Both = (
    "Exclusive in the fields of use, places and time that the terms name",
    "独家：在条款所载的使用领域、地域和期限内",
)
NOT_EXCLUSIVE: Both = ("Not exclusive", "非独家")
CHECK: Both = ("Check it", "验证")
HOW: tuple[Both, ...] = (
    (
        "Anybody can print a paper. What proves this license is certificate.jws, which is attached to this file: drop"
        " it on {site}/verify, or check it with any JOSE library (ES256) and the keys at"
        " {site}/.well-known/jwks.json.",
        "纸面文件任何人都能打印。能证明本授权的是附在本文件中的 certificate.jws：请将它拖入 {site}/verify，"
        "或用任意 JOSE 库（ES256）和 {site}/.well-known/jwks.json 中的公钥验证。",
    ),
    (
        "The code leads to {page}, which says whether the license holds today; the certificate's SHA-256 there must be"
        " the one at the foot of this page.",
        "二维码通向 {page}，那里说明本授权今日是否有效；该页所示证书的 SHA-256 应与本页页脚一致。",
    ),
)
FOOT = "certificate.jws  SHA-256 {sha256}"

_LABELS, _CODE = 140, 96
"""How wide the column of labels and the code are, in points."""


class UnableToPrint(Exception):
    """The paper of a license cannot be made."""

    code = "paper-refused"

    def __init__(self, grant: Grant, reason: str) -> None:
        super().__init__(reason)
        self.grant, self.reason = grant, reason


def certificate_pdf(grant: Grant, site: str) -> bytes:
    """This will put a license's certificate on A4, with its terms in words, a QR code to its page at `site`, and the
    signed certificate.jws attached. The same license gives the same bytes.

    Raises UnableToPrint when who holds it was erased, or when the words of its terms are not those that were signed.
    """
    if not grant.certificate:
        reason = _("Who holds the license %s was erased, so its papers cannot be made again.")
        raise UnableToPrint(grant, reason % grant.pk)
    # Ours, and out of our own table: whoever is shown the paper verifies it, here it only has to be read.
    said = certificates.read(parse_compact(grant.certificate))
    texts = {"en": grant.terms.text_en, "zh-Hans": grant.terms.text_zh_hans}
    if {language: rules.digest(text.encode()) for language, text in texts.items()} != said.subject["terms_texts"]:
        reason = _("The words of the terms of license %s are not those that its certificate names.")
        raise UnableToPrint(grant, reason % grant.pk)
    title = json.loads(bytes(grant.release.manifest))["title"]
    paper = Paper(
        title=f"{HEADING[0]} {said.grant}",
        author=said.issuer,
        language="en",
        made_at=datetime.fromtimestamp(said.issued_at, UTC),
        foot=FOOT.format(sha256=rules.digest(grant.certificate.encode())),
    )
    page = f"{site}/certificates/{said.grant}"
    _head(paper, said, page)
    for label, values, style in _rows(said, title):
        _row(paper, LABELS[label], values, style)
    _how(paper, site, page)
    for text, style in ((texts["en"], BODY), (texts["zh-Hans"], BODY.in_han)):
        paper.new_page()
        _words(paper, text, style)
    paper.attach("certificate.jws", "application/jose", grant.certificate.encode())
    return paper.pdf()


def _head(paper: Paper, said: Certificate, page: str) -> None:
    top = paper.y
    paper.line("Worldloom 织界", NAME, MARGIN, top - 11)
    paper.code(page, left=WIDTH - MARGIN - _CODE, top=top, size=_CODE)
    for number, text in enumerate(CHECK):
        paper.line(text, SMALL, WIDTH - MARGIN - _CODE + number * 44, top - _CODE - 12)
    paper.y = top - 34
    width = WIDTH - 2 * MARGIN - _CODE - 30
    paper.text(HEADING[0], TITLE, width=width)
    paper.text(HEADING[1], SUBTITLE.in_han, width=width)
    paper.y = min(paper.y, top - _CODE - 16) - 12
    paper.rule()
    paper.y -= 6
    for text, style in zip(STATEMENT, (BODY, BODY.in_han), strict=True):
        paper.text(text.format(issuer=said.issuer), style)
    paper.y -= 8


def _row(paper: Paper, label: Both, values: tuple[str, ...], style: Style) -> None:
    """Sets a label in both languages, and beside it the values, each below the other."""
    paper.room_for(len(values) * style.leading)
    y = paper.y - style.leading
    paper.line(label[0], SMALL, MARGIN, y)
    paper.line(label[1], SMALL.in_han, MARGIN + width_of(label[0], SMALL) + 7, y)
    for value in values:
        paper.text(value, style, left=MARGIN + _LABELS, width=WIDTH - 2 * MARGIN - _LABELS)
    paper.y -= 6


def _rows(said: Certificate, title: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, ...], Style]]:
    """Gives what the certificate says, a row each; former certificates say less."""
    subject = said.subject
    yield "licensee", (subject["licensee"],), STRONG
    if place := _place(subject):
        yield "seat", (place,), VALUE
    names = tuple(dict.fromkeys(title[language] for language in ("en", "zh-Hans") if title.get(language)))
    yield "work", (" · ".join(names), f"{subject['pack']} {subject['version']}"), STRONG
    yield "manifest", (f"SHA-256 {subject['release']}",), SMALL
    yield "terms", (_terms_name(subject["terms_name"]),), STRONG
    yield "digest", (f"SHA-256 {subject['terms']}",), SMALL
    if "project" in subject:
        yield "project", (subject["project_name"],) if subject["project"] else (" · ".join(ALL_PROJECTS),), VALUE
    yield "seats", (str(subject["seats"]) if subject["seats"] else " · ".join(NO_LIMIT),), VALUE
    if "starts" in subject:
        period = PERIOD if subject["ends"] else OPEN_END
        times = {name: _minute(subject[name]) for name in ("starts", "ends")}
        yield "time", tuple(text.format(**times) for text in period), VALUE
        yield "exclusive", (" · ".join(EXCLUSIVE if subject["exclusive"] else NOT_EXCLUSIVE),), VALUE
        follows = short_hash(subject["replaces"]) if subject["replaces"] else ""
        yield "kind", (" · ".join(text.format(replaces=follows) for text in KINDS[subject["kind"]]),), VALUE
    yield "granted", (f"{datetime.fromtimestamp(said.issued_at, UTC):%Y-%m-%d %H:%M:%S} UTC",), VALUE
    if "receipt" in subject:
        yield "receipt", (subject["receipt"],), SMALL
    yield "number", (said.grant,), SMALL
    yield "key", (said.kid,), SMALL


def _place(subject: Mapping[str, Any]) -> str:
    """Says where a legal entity sits and how it is registered."""
    country = subject.get("licensee_country", "")
    known = [Locale.parse(tag).territories.get(country, "") for tag in ("en", "zh_Hans")] if country else []
    return "  ".join(
        part for part in (" · ".join(filter(None, known)), subject.get("licensee_registration", "")) if part
    )


def _terms_name(name: str) -> str:
    said = []
    for language in ("en", "zh-hans"):
        with translation.override(language):
            said.append(say(TERMS, name))
    return " · ".join(dict.fromkeys(said))


def _minute(moment: str) -> str:
    return f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M} UTC" if moment else ""


def _how(paper: Paper, site: str, page: str) -> None:
    paper.y -= 4
    paper.room_for(100)
    paper.rule()
    paper.y -= 4
    for both in HOW:
        for text, style in zip(both, (SMALL, SMALL.in_han), strict=True):
            paper.text(text.format(site=site, page=page), style)
        paper.y -= 4


def _words(paper: Paper, text: str, style: Style) -> None:
    """Sets the license in words: the first line as heading, a little room between clauses."""
    heading, *paragraphs = text.rstrip("\n").split("\n")
    paper.text(heading, HEADLINE.in_han if style.han else HEADLINE)
    paper.y -= 4
    for paragraph in paragraphs:
        paper.text(paragraph, style)
        paper.y -= 3
