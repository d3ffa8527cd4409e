"""Letters about refunds that buyers ask for: to operators when one is asked for, to its buyer when it is answered."""

from uuid import UUID

from django.conf import settings
from django.core.mail import send_mail
from django.utils import translation
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app

from marketplace.checkout.refund_requests import RefundAnswer, RefundRequest
from marketplace.people.queries import operators
from marketplace.ui.formats import choose_title, money_text

ASKED, ANSWERED = "asked", "answered"


def tell_operators(request: RefundRequest) -> None:
    """This will lay down a letter to each operator, in the transaction of the request."""
    told = {person.email: person.language for person in operators() if person.is_active}
    for address in {**dict.fromkeys(settings.ALARM_ADDRESSES, settings.LANGUAGE_CODE), **told}:
        _defer(request.pk, ASKED, address, told.get(address, settings.LANGUAGE_CODE))


def tell_buyer(answer: RefundAnswer) -> None:
    """This will lay down a letter to who asked, in the transaction of the answer."""
    person = answer.request.by
    if person.is_active:
        _defer(answer.request_id, ANSWERED, person.email, person.language)


def _defer(request: UUID, kind: str, address: str, language: str) -> None:
    job = app.configure_task("checkout.tell_of_refund_request")
    job.defer(request_id=str(request), kind=kind, address=address, language=language)


def send_letter(*, request_id: str, kind: str, address: str, language: str) -> None:
    """This will write somebody of a request, in their language; raises OSError when the mail is not taken."""
    related = ("line__order__studio", "line__offer__release__pack__creator", "by", "answer__refund")
    request = RefundRequest.objects.select_related(*related).get(pk=request_id)
    with translation.override(language):
        subject, body = asked(request) if kind == ASKED else answered(request)
    send_mail(subject, body, settings.DEFAULT_FROM_EMAIL, [address])


def _values(request: RefundRequest) -> dict[str, str]:
    line = request.line
    return {
        "amount": money_text(request.amount_minor, line.order.currency),
        "studio": line.order.studio.name,
        "title": choose_title(line.offer.release.title)[0],
        "reason": request.reason,
        "person": request.by.display_name,
    }


def asked(request: RefundRequest) -> tuple[str, str]:
    """This will give subject and text of what operators are told, in the language that is active."""
    values = _values(request) | {"address": f"{settings.SITE_URL}/desk/refunds/asked/{request.pk}"}
    lines = [
        _("%(studio)s asks for %(amount)s back that was paid for “%(title)s”."),
        _("The reason: %(reason)s"),
        _("Grant or refuse it: %(address)s"),
    ]
    return _("A refund is asked for: %(amount)s") % values, "\n\n".join(line % values for line in lines) + "\n"


def answered(request: RefundRequest) -> tuple[str, str]:
    """This will give subject and text of what the buyer is told, in the language that is active."""
    answer = request.answer
    values = _values(request) | {"words": answer.words, "address": f"{settings.SITE_URL}/refunds"}
    lines = [_("Hello %(person)s,")]
    if answer.answer == RefundAnswer.GRANTED:
        values["amount"] = money_text(answer.refund.amount_minor, request.line.order.currency)
        subject = _("Refund granted: %(amount)s")
        lines.append(_("%(amount)s that you paid for “%(title)s” are given back, to the card that they came from."))
        lines.append(_("Banks take 5 to 10 days to show it."))
    else:
        subject = _("Refund refused: %(amount)s")
        lines.append(_("the refund of %(amount)s for “%(title)s” that you asked for was refused."))
    if answer.words:
        lines.append("%(words)s")
    lines.append(_("Your refunds: %(address)s"))
    return subject % values, "\n\n".join(line % values for line in lines) + "\n"
