"""Credits as files: text in both languages, CSV, JSON, and SPDX (docs/formats/credits.md)."""

import csv
import hashlib
import io
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import rfc8785
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from marketplace.licensing.crediting import Credit, Credits, Held
from marketplace.licensing.holdings import Project
from marketplace.licensing.words import TERMS
from marketplace.ui.formats import Names, choose_title, date_text, say, sentence
from marketplace.ui.words import Listed, Words

FORMAT = "worldloom/credits/1"
LANGUAGES = ("en", "zh-hans")
COLUMNS = (
    *("standing", "credit", "title_en", "title_zh_hans", "creators", "pack", "version", "release_sha256"),
    *("used_in", "license", "spdx", "terms_sha256", "certificate"),
)
_WHY: Names = {
    "revoked": gettext_noop("revoked"),
    "suspended": gettext_noop("suspended"),
    "superseded": gettext_noop("superseded"),
    "expired": gettext_noop("expired"),
    "upcoming": gettext_noop("not begun yet"),
}
# What a spreadsheet takes for a formula (OWASP, CSV injection).
_FORMULA = re.compile(r"^[=+\-@\t\r\n]")


def certificate_address(grant: str, site: str) -> str:
    """This will name the page of a license that anybody can check."""
    return f"{site}/certificates/{grant}"


def lines_of(credit: Credit) -> tuple[str, ...]:
    """This will write the words of a credit in the active language: those that terms ask for, else title and makers."""
    if credit.lines:
        return credit.lines
    values = {"title": choose_title(credit.release.title)[0], "creators": Listed(credit.creators)}
    return (sentence(Words(gettext_noop("“%(title)s” by %(creators)s"), values)),)


def as_text(credits: Credits, site: str) -> str:
    """This will write credits for people, in English and then in Chinese."""
    parts = []
    for language in LANGUAGES:
        with translation.override(language):
            parts.append("\n".join(_text(credits, site)))
    return "\n\n".join(parts) + "\n"


def _text(credits: Credits, site: str) -> Iterator[str]:
    title = _("Credits: %(name)s") % {"name": credits.of.name}
    yield from (title, "=" * len(title), _("As of %(day)s") % {"day": date_text(credits.made_at)})
    for owed, heading in ((True, _("Credit owed")), (False, _("With thanks"))):
        rows = [one for one in credits if one.owed is owed]
        if rows:
            yield from ("", heading, "-" * len(heading))
        for one in rows:
            yield from _credit_text(one, site)
    if not credits.credits:
        yield from ("", _("Nothing that is licensed now asks for a credit."))
    if credits.left_out:
        heading = _("Left out, since these licenses do not hold now")
        yield from ("", heading, "-" * len(heading))
    for left in credits.left_out:
        yield f"{left.release} · {_(str(_WHY[left.why]))} · {certificate_address(left.grant, site)}"


def _credit_text(credit: Credit, site: str) -> Iterator[str]:
    yield from ("", *lines_of(credit))
    yield f"    {credit.release}"
    for held in credit.licenses:
        yield f"    {say(TERMS, held.terms.name)} · {certificate_address(held.grant, site)}"
    if credit.used_in:
        yield "    " + _("Used in %(releases)s") % {"releases": ", ".join(credit.used_in)}


def as_csv(credits: Credits, site: str) -> str:
    """This will write credits as RFC 4180, a line a credit, with names in the first; what is left out comes last.

    A cell that a spreadsheet would take for a formula begins with an apostrophe.
    """
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    with translation.override("en"):
        for row in _rows(credits, site):
            writer.writerow([_safe(str(row.get(name, ""))) for name in COLUMNS])
    return file.getvalue()


def _rows(credits: Credits, site: str) -> Iterator[dict[str, str]]:
    for one in credits:
        for line in lines_of(one):
            yield {
                **_release_cells(one.release),
                "standing": "owed" if one.owed else "thanked",
                "credit": line,
                "creators": "; ".join(one.creators),
                "used_in": "; ".join(one.used_in),
                "license": "; ".join(held.terms.name for held in one.licenses),
                "spdx": "; ".join(held.spdx for held in one.licenses),
                "terms_sha256": "; ".join(held.terms.digest for held in one.licenses),
                "certificate": "; ".join(certificate_address(held.grant, site) for held in one.licenses),
            }
    for left in credits.left_out:
        yield {
            **_release_cells(left.release),
            "standing": f"left out: {left.why}",
            "certificate": certificate_address(left.grant, site),
        }


def _release_cells(release: Any) -> dict[str, str]:
    return {
        "title_en": release.title.get("en", ""),
        "title_zh_hans": release.title.get("zh-Hans", ""),
        "pack": str(release.pack),
        "version": release.version,
        "release_sha256": release.digest,
    }


def _safe(cell: str) -> str:
    return f"'{cell}" if _FORMULA.match(cell) else cell


def as_json(credits: Credits, site: str) -> bytes:
    """This will write credits as `worldloom/credits/1`, RFC 8785 JSON."""
    with translation.override("en"):
        return rfc8785.dumps(
            {
                "format": FORMAT,
                "of": {
                    "kind": "project" if isinstance(credits.of, Project) else "studio",
                    "id": str(credits.of.pk),
                    "name": credits.of.name,
                },
                "made_at": _moment(credits.made_at),
                "credits": [_credit_object(one, site) for one in credits],
                "left_out": [
                    {
                        **_release_object(left.release),
                        "grant": left.grant,
                        "why": left.why,
                        "ends": _moment(left.ends_at) if left.ends_at else "",
                    }
                    for left in credits.left_out
                ],
            }
        )


def _credit_object(credit: Credit, site: str) -> dict[str, Any]:
    return {
        **_release_object(credit.release),
        "standing": "owed" if credit.owed else "thanked",
        "lines": list(lines_of(credit)),
        "creators": list(credit.creators),
        "used_in": list(credit.used_in),
        "licenses": [
            {
                "grant": held.grant,
                "terms": held.terms.digest,
                "terms_name": held.terms.name,
                "spdx": held.spdx,
                "certificate": certificate_address(held.grant, site),
            }
            for held in credit.licenses
        ],
    }


def _release_object(release: Any) -> dict[str, Any]:
    return {
        "release": release.digest,
        "pack": str(release.pack),
        "version": release.version,
        "title": dict(release.title),
    }


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def as_spdx(credits: Credits, site: str) -> bytes:
    """This will write credits as an SPDX 2.3 document in JSON: a package a release, with its attribution texts.

    Terms that SPDX has no id for are there in full as extracted licensing infos. Its namespace names its contents.
    """
    with translation.override("en"):
        ids = {one.release.digest: f"SPDXRef-Release-{one.release.digest[:16]}" for one in credits}
        held = {license.spdx: license for one in credits for license in one.licenses}
        project = "SPDXRef-Project"
        document: dict[str, Any] = {
            "spdxVersion": "SPDX-2.3",
            "dataLicense": "CC0-1.0",
            "SPDXID": "SPDXRef-DOCUMENT",
            "name": f"Credits of {credits.of.name}",
            "creationInfo": {"created": _moment(credits.made_at), "creators": ["Tool: worldloom-credits-1"]},
            "packages": [
                {**_bare(project, credits.of.name, "NOASSERTION"), "primaryPackagePurpose": "OTHER"},
                *(_package(one, ids[one.release.digest], site) for one in credits),
            ],
            "hasExtractedLicensingInfos": [
                _extracted(name, held[name], site) for name in sorted(held) if name.startswith("LicenseRef-")
            ],
            "relationships": list(_relationships(credits, ids, project)),
        }
    digest = hashlib.sha256(rfc8785.dumps(document)).hexdigest()
    return rfc8785.dumps(document | {"documentNamespace": f"{site}/spdx/credits/{credits.of.pk}/{digest}"})


def _bare(name: str, title: str, license: str) -> dict[str, Any]:
    return {
        "SPDXID": name,
        "name": title,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": license,
        "licenseDeclared": license,
        "copyrightText": "NOASSERTION",
    }


def _package(credit: Credit, name: str, site: str) -> dict[str, Any]:
    release, held = credit.release, sorted({license.spdx for license in credit.licenses})
    license = held[0] if len(held) == 1 else f"({' OR '.join(held)})" if held else "NOASSERTION"
    creator = release.pack.creator
    return {
        **_bare(name, str(release.pack), license),
        "versionInfo": release.version,
        "downloadLocation": f"{site}/packs/{creator.handle}/{release.pack.handle}?version={release.version}",
        # In brackets SPDX has an e-mail address.
        "supplier": f"Person: {' '.join(re.sub('[()]', ' ', creator.display_name).split())}",
        "comment": f"SHA-256 of the release's manifest: {release.digest}",
        "attributionTexts": list(lines_of(credit)),
        "externalRefs": [
            {
                "referenceCategory": "OTHER",
                "referenceType": "worldloom-certificate",
                "referenceLocator": certificate_address(license.grant, site),
            }
            for license in credit.licenses
        ],
    }


def _extracted(name: str, held: Held, site: str) -> dict[str, Any]:
    return {
        "licenseId": name,
        "name": held.terms.name,
        "extractedText": f"{held.terms.text_en}\n{held.terms.text_zh_hans}",
        "seeAlsos": [f"{site}/terms/{held.terms.digest}"],
    }


def _relationships(credits: Credits, ids: Mapping[Any, str], project: str) -> Iterator[dict[str, str]]:
    def said(one: str, kind: str, other: str) -> dict[str, str]:
        return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}

    yield said("SPDXRef-DOCUMENT", "DESCRIBES", project)
    for one in credits:
        if one.licenses:
            yield said(project, "DEPENDS_ON", ids[one.release.digest])
        for parent in one.made_from:
            yield said(ids[one.release.digest], "DESCENDANT_OF", ids[parent])
