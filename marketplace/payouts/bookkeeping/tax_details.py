"""Keeping what creators say for the tax office."""

from collections.abc import Iterable
from datetime import UTC, datetime

from django.db import transaction

from marketplace.payouts.tax_rules import TaxFinding, TaxNumber, TaxPerson, findings_in
from marketplace.payouts.tax_sealing import seal
from marketplace.payouts.taxes import TaxDetails
from marketplace.people.models import Creator
from marketplace.ui.formats import sentence


class UnableToKeepTaxDetails(Exception):
    """What was said cannot be so; `findings` tell which fields and why. Nothing was written."""

    code = "tax-details-refused"

    def __init__(self, findings: Iterable[TaxFinding]) -> None:
        self.findings = tuple(findings)
        super().__init__(" ".join(sentence(finding) for finding in self.findings))


@transaction.atomic
def tell_tax_details(*, creator: Creator, person: TaxPerson, now: datetime) -> TaxDetails:
    """Keep a creator's tax details as a new version, sealed; raises UnableToKeepTaxDetails.

    Blanks around texts and within numbers are not kept. Nothing of it stands in any log.
    """
    tidy = _tidy(person)
    if findings := findings_in(tidy, today=now.astimezone(UTC).date()):
        raise UnableToKeepTaxDetails(findings)
    return TaxDetails.objects.create(
        creator=creator,
        kind=tidy.kind,
        country=tidy.country,
        sealed=seal(tidy.document(), creator.pk),
        told_at=now,
    )


def _tidy(person: TaxPerson) -> TaxPerson:
    texts = {name: text.strip() for name, text in person.document().items() if isinstance(text, str)}
    numbers = tuple(TaxNumber(_tight(one.country), _tight(one.number)) for one in person.numbers)
    tight = {name: _tight(texts[name]) for name in ("vat_id", "country", "account")}
    return TaxPerson(**{**texts, **tight, "numbers": numbers})


def _tight(text: str) -> str:
    return "".join(text.split()).upper()
