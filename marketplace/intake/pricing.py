"""Reading the offers of a draft: terms, however they are written, and prices; and whether they may be made at all."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from marketplace.catalog import operations as catalog
from marketplace.catalog.deriving import derived_of
from marketplace.catalog.rules import Draft, Finding, gettext_noop
from marketplace.intake.rules import DraftOffer
from marketplace.licensing import operations as licensing
from marketplace.licensing import parentage
from marketplace.licensing.contracts import counted_of, fees_in, owed_beside
from marketplace.licensing.months import MonthLimits, check_month
from marketplace.licensing.offering import Wanted
from marketplace.licensing.pricing import Tier, UnableToPrice, check_price, read_tiers
from marketplace.licensing.terms.document import UnableToReadTerms, terms_from
from marketplace.licensing.terms.exchange.base import Imported, UnableToReadLicense
from marketplace.licensing.terms.exchange.forms import READERS, read
from marketplace.licensing.terms.inheriting import Wrong
from marketplace.licensing.terms.model import ContradictoryTerms, Terms
from marketplace.payouts.rules import Money, UnknownCurrency, UnreadableAmount, parse_amount
from marketplace.people.models import Creator
from marketplace.ui.words import Words

ALLOWS_NOTHING = gettext_noop(
    "The terms “%(terms)s” allow nothing: say at least one country, one field of use and one medium."
)


def priced(draft: Draft, offers: Sequence[DraftOffer]) -> list[Wanted]:
    """This will read terms and prices, or raise UnableToOffer, or UnableToPublish with everything that is wrong."""
    found: list[Wanted] = []
    findings: list[Finding] = []
    for row in offers:
        try:
            found.append(_read(row))
        except (UnreadableAmount, UnknownCurrency, UnableToPrice) as error:
            text = gettext_noop("The price of “%(terms)s” cannot be read: %(reason)s")
            values = {"terms": row.label, "reason": Words(error.template, error.values)}
            findings.append(Finding("offers", text, values))
        except UnableToReadTerms as error:
            findings += [_unreadable(row, one) for one in error.findings]
        except UnableToReadLicense as error:
            text = gettext_noop("The terms “%(terms)s” cannot be read: %(reason)s")
            values = {"terms": row.label, "reason": Words(error.template, error.values)}
            findings.append(Finding("offers", text, values))
    findings += _twice(found)
    if findings:
        raise catalog.UnableToPublish(draft, findings)
    return found


def may_offer(
    creator: Creator, draft: Draft, offers: Sequence[Wanted], now: datetime, composed: Mapping[str, Any] | None = None
) -> None:
    """This will raise UnableToPublish where an offer goes beyond what the draft is made from.

    `composed` is what inspection found in a composition.json, whose fees are paid before the shares.
    """
    owed = parentage.owed_to_others(creator=creator, derived=derived_of(draft))
    wrong: list[Wrong] = []
    for offer in offers:
        counted = counted_of(offer.model, offer.unit, offer.price, offer.tiers, offer.month.cap_minor)
        found = parentage.wrong_offers(
            creator=creator,
            parents=owed_beside(owed, fees_in(composed or {}, counted), counted),
            offers=[offer.terms],
            ai_training=draft.ai_training,
            now=now,
        )
        wrong += [one for one in found if one not in wrong]
    if wrong:
        raise catalog.UnableToPublish(draft, [Finding(one.where, one.template, one.values) for one in wrong])


def losses_of(offers: Iterable[DraftOffer]) -> list[Words]:
    """This will say what was lost of the licenses that offers, which can all be read, take their terms from."""
    found: list[Words] = []
    for row in offers:
        terms, lost = _terms(row)
        text = gettext_noop("“%(terms)s”: %(lost)s")
        found += [Words(text, {"terms": terms.name, "lost": one}) for one in lost]
    return found


def with_files(offers: Sequence[DraftOffer], content_of: Callable[[str], bytes | None]) -> list[DraftOffer]:
    """This will put the text of license files that offers name in the place of their names.

    `content_of` gives a file's bytes, or None where there is none; what is no text is left for `priced` to refuse.
    """
    return [_with_file(row, content_of) for row in offers]


def _with_file(row: DraftOffer, content_of: Callable[[str], bytes | None]) -> DraftOffer:
    if isinstance(row.terms, str) or not isinstance(path := row.terms.get("file"), str) or "from" not in row.terms:
        return row
    content = content_of(path)
    if content is None:
        return row
    others = {name: value for name, value in row.terms.items() if name != "file"}
    return replace(row, terms={**others, "license": content.decode("utf-8", "replace")})


def _read(row: DraftOffer) -> Wanted:
    terms, _lost = _terms(row)
    if terms.allows_nothing:
        raise UnableToReadLicense("", ALLOWS_NOTHING, {"terms": terms.name})
    price = Money(parse_amount(row.price, row.currency), row.currency)
    check_price(model=row.model, price_minor=price.amount_minor, unit=row.unit, share_ppb=row.share_ppb)
    tiers = [Tier(t.up_to_people, t.up_to_revenue_usd, parse_amount(t.price, row.currency)) for t in row.tiers]
    month = MonthLimits(*(parse_amount(text or "0", row.currency) for text in (row.month_minimum, row.month_cap)))
    check_month(model=row.model, limits=month)
    return Wanted(terms, price, row.model, row.unit, row.share_ppb, read_tiers(tiers, model=row.model), month)


def _terms(row: DraftOffer) -> tuple[Terms, list[Words]]:
    if isinstance(row.terms, str):
        return licensing.ready_terms(row.terms), []
    if "from" not in row.terms:
        return terms_from(row.terms), []
    imported = _imported(row.terms)
    return imported.terms, [Words(one.template, one.values) for one in imported.lost]


def _imported(written: Mapping[str, Any]) -> Imported:
    """Reads `{from, id}` or `{from, license}`: an id that people know, or the license itself, as text or as a table."""
    form = written["from"]
    if not isinstance(form, str) or form not in READERS:
        template = gettext_noop("“from” must be one of %(forms)s.")
        raise UnableToReadLicense("", template, {"forms": ", ".join(READERS)})
    if isinstance(written.get("file"), str):
        template = gettext_noop("There is no file %(path)s beside the pack.toml: say the license itself as “license”.")
        raise UnableToReadLicense(form, template, {"path": written["file"][:80]})
    given = [name for name in ("id", "license") if name in written]
    if len(given) != 1 or set(written) - {"from", *given} or not isinstance(written[given[0]], str | dict):
        template = gettext_noop("Terms with “from” have one thing more: an “id”, a “file”, or the “license” itself.")
        raise UnableToReadLicense(form, template)
    return read(written[given[0]], form)


def _unreadable(row: DraftOffer, mistake: ContradictoryTerms) -> Finding:
    text = gettext_noop("The terms “%(terms)s” cannot be read at “%(where)s”: %(reason)s")
    values = {"terms": row.label, "where": mistake.where, "reason": Words(mistake.template, mistake.values)}
    return Finding("offers", text, values)


def _twice(offers: Sequence[Wanted]) -> list[Finding]:
    """Finds the same terms in one currency and model, however differently they are written."""
    keys = [(offer.terms, offer.price.currency, offer.model, offer.unit) for offer in offers]
    text = gettext_noop("The offers name “%(terms)s” in %(currency)s twice: keep one price.")
    repeated = dict.fromkeys(key for key in keys if keys.count(key) > 1)
    return [Finding("offers", text, {"terms": key[0].name, "currency": key[1]}) for key in repeated]
