"""Terms as other people's forms have them: where each is read, and what it cannot carry."""

from dataclasses import dataclass

from django.urls import reverse

from marketplace.licensing.terms.exchange.base import NAMES, UnableToWriteLicense
from marketplace.licensing.terms.exchange.forms import WRITTEN, write
from marketplace.licensing.terms.model import Terms
from marketplace.ui.formats import language_tag, sentence


@dataclass(frozen=True)
class Elsewhere:
    """One form; `lost` says what it does not carry, `refusal` why the terms cannot be written in it at all."""

    name: str
    href: str = ""
    lost: tuple[str, ...] = ()
    refusal: str = ""


def forms_of(terms: Terms, *, digest: str, subject: str) -> list[Elsewhere]:
    """This will list every form, those first that lose the least.

    `digest` is that of the document as it is kept, in whatever version; `subject` is the address of the terms.
    """
    rows = [_form(terms, form, digest, subject) for form in WRITTEN]
    return sorted(rows, key=lambda row: (bool(row.refusal), len(row.lost), row.name))


def _form(terms: Terms, form: str, digest: str, subject: str) -> Elsewhere:
    try:
        found = write(terms, form, subject=subject, language=language_tag())
    except UnableToWriteLicense as error:
        return Elsewhere(NAMES[form], refusal=sentence(error))
    href = reverse("api-terms-elsewhere", args=[digest, form])
    return Elsewhere(NAMES[form], href, tuple(sentence(one) for one in found.lost))
