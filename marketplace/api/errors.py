"""The one table from error to status, and the one form of every refusal: RFC 9457 problem details."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import exceptions
from rest_framework.response import Response

from assets.inspectors.base import Refused
from assets.operations import UnableToAdmit, UnableToPreview, UnableToReceive, UnableToUpload
from assets.originality.compare import UnableToCompare
from marketplace.api.problems import KINDS, TYPE_PREFIX, Finding, pointer
from marketplace.catalog.operations import UnableToPublish
from marketplace.catalog.tokens import UnableToAskForToken, UnableToMaterialize
from marketplace.catalog.transferring import UnableToTransfer
from marketplace.checkout.asking_back import UnableToAskForRefund
from marketplace.checkout.billing_details import UnableToSayDetails
from marketplace.checkout.chain_sales import UnableToClaimLicense, UnableToSettleSale
from marketplace.checkout.evidence.submitting import UnableToSubmitEvidence
from marketplace.checkout.gateways.base import GatewayUnavailable, UnableToUseMethod
from marketplace.checkout.gateways.stripe.evidence import UnableToSubmit
from marketplace.checkout.left_behind import UnableToEndTry
from marketplace.checkout.methods import UnableToKeepMethod
from marketplace.checkout.operations import (
    KeyUsedOtherwise,
    PaymentDeclined,
    PaymentWaits,
    UnableToBuy,
    UnableToPay,
    UnableToRefundLine,
)
from marketplace.checkout.papers.asking import UnableToAskForInvoice
from marketplace.checkout.papers.model import UnreadablePaper
from marketplace.checkout.part_taken import UnableToRevokeLicense
from marketplace.checkout.rating import UnableToRate
from marketplace.checkout.recipe_quotes import RecipePriceChanged, RecipeQuoteExpired, UnableToQuoteRecipe
from marketplace.checkout.taxes.faults import TaxUnavailable
from marketplace.checkout.taxes.rates import UnableToSetRate
from marketplace.checkout.taxes.sellers import UnableToNameSeller
from marketplace.checkout.taxes.vat import UnreadableVatId
from marketplace.compositions.drafting import UnableToPublishComposition
from marketplace.compositions.exports.base import UnableToExport
from marketplace.compositions.importing.refusals import UnableToCountPicture, UnableToImport
from marketplace.compositions.kit import NotRunnable
from marketplace.compositions.lockfile import UnreadableLock
from marketplace.compositions.notation.findings import NotARecipe, UnreadableRecipe
from marketplace.compositions.operations import NotYourRecipe, UnableToAddMask, UnableToKeepRecipe, UnableToLock
from marketplace.compositions.services.faults import ServiceFault
from marketplace.compositions.services.operations import RunKeyTaken, ServiceOverQuota, TooManyRuns, UnableToRun
from marketplace.compositions.usage.refusals import NonceReused, UnableToCount, UnableToKeepKey, UnsignedUsage
from marketplace.licensing.bargaining import UnableToBargain
from marketplace.licensing.bundles import NotDownloadable, ProofPending
from marketplace.licensing.certificates import UnableToTrust
from marketplace.licensing.chain_offers import UnableToOfferOnChain
from marketplace.licensing.chain_proofs import UnableToProveOnChain
from marketplace.licensing.operations import (
    UnableToAssignSeat,
    UnableToGrant,
    UnableToGrantExclusively,
    UnableToOffer,
    UnableToOpenProject,
    UnableToPassOn,
    UnableToReportUse,
)
from marketplace.licensing.papers import UnableToPrint
from marketplace.licensing.parentage import BeyondParents
from marketplace.licensing.pricing import UnableToPrice
from marketplace.licensing.rules import NoTime
from marketplace.licensing.terms.document import UnableToReadTerms
from marketplace.licensing.terms.exchange.base import UnableToReadLicense, UnableToWriteLicense
from marketplace.licensing.terms.lattice import UnableToCompose
from marketplace.licensing.terms.model import ContradictoryTerms
from marketplace.licensing.terms.using import UnreadableUse
from marketplace.payouts.claims.ways import UnableToChooseWay
from marketplace.people.operations import (
    UnableToBecomeCreator,
    UnableToDeclare,
    UnableToIssueKey,
    UnableToSeat,
    UnableToSignUp,
)
from marketplace.ui.formats import sentence
from marketplace.ui.typesetting import FontsMissing

log = logging.getLogger(__name__)

STATUS: Mapping[type[Exception], int] = {
    UnableToRefundLine: 409,
    UnableToSignUp: 422,
    UnableToBecomeCreator: 422,
    UnableToSeat: 403,
    UnableToIssueKey: 422,
    UnableToDeclare: 422,
    Refused: 422,
    UnableToReceive: 422,
    UnableToUpload: 422,
    UnableToCompare: 503,
    UnableToAdmit: 422,
    UnableToPreview: 422,
    UnableToPublish: 422,
    NotARecipe: 422,
    UnreadableLock: 422,
    UnableToExport: 422,
    UnableToImport: 422,
    UnableToCountPicture: 422,
    UnableToRate: 422,
    UnableToCount: 422,
    UnsignedUsage: 403,
    NonceReused: 409,
    UnableToKeepKey: 422,
    UnableToKeepRecipe: 422,
    NotYourRecipe: 403,
    UnableToLock: 422,
    UnableToPublishComposition: 422,
    NotRunnable: 403,
    UnableToRun: 422,
    RunKeyTaken: 422,
    ServiceOverQuota: 429,
    TooManyRuns: 429,
    ServiceFault: 502,
    UnableToAddMask: 422,
    UnableToAskForToken: 409,
    UnableToMaterialize: 409,
    UnableToTransfer: 409,
    ContradictoryTerms: 422,
    UnableToReadTerms: 422,
    UnableToCompose: 422,
    UnableToReadLicense: 422,
    UnableToWriteLicense: 422,
    UnreadableUse: 422,
    UnableToOffer: 422,
    UnableToPrice: 422,
    BeyondParents: 422,
    UnableToGrant: 409,
    UnableToGrantExclusively: 409,
    UnableToOfferOnChain: 422,
    UnableToProveOnChain: 409,
    UnableToClaimLicense: 403,
    UnableToSettleSale: 409,
    NoTime: 409,
    UnableToAssignSeat: 409,
    UnableToOpenProject: 422,
    UnableToPassOn: 409,
    UnableToReportUse: 422,
    UnableToTrust: 422,
    UnableToPrint: 403,
    FontsMissing: 503,
    UnableToBargain: 422,
    UnableToBuy: 422,
    UnableToQuoteRecipe: 422,
    RecipeQuoteExpired: 409,
    RecipePriceChanged: 409,
    UnableToUseMethod: 422,
    KeyUsedOtherwise: 422,
    PaymentDeclined: 402,
    PaymentWaits: 409,
    UnableToPay: 409,
    GatewayUnavailable: 503,
    ProofPending: 503,
    NotDownloadable: 403,
    UnableToSubmit: 422,
    UnableToKeepMethod: 409,
    UnableToChooseWay: 409,
    UnableToEndTry: 409,
    UnableToAskForInvoice: 409,
    UnableToAskForRefund: 409,
    UnableToSubmitEvidence: 409,
    UnableToRevokeLicense: 409,
    TaxUnavailable: 503,
    UnableToSayDetails: 422,
    UnableToSetRate: 422,
    UnableToNameSeller: 422,
    UnreadableVatId: 422,
    UnreadablePaper: 422,
}

RETRY_SECONDS = 2


class InvalidRequest(exceptions.APIException):
    """The request says something that it cannot say; `findings` says what, each with its place."""

    status_code = 422
    default_code = "invalid-request"

    def __init__(self, findings: Sequence[Finding]) -> None:
        said = " ".join(f"{finding.where or finding.part}: {finding.message}" for finding in findings)
        super().__init__(_("The request cannot be followed: %s") % said)
        self.findings = findings


class IdempotencyKeyMissing(exceptions.APIException):
    """A request that moves money came without an idempotency key."""

    status_code = 400
    default_code = "idempotency-key-missing"
    default_detail = gettext_lazy("The header Idempotency-Key is missing: send a fresh value with each new request.")


class CreatorKeyMissing(exceptions.NotAuthenticated):
    """An address about a creator's own money was asked without a key."""


class ProofNotPublished(exceptions.APIException):
    """The log that is published does not have the statement's month yet."""

    status_code = 503
    default_code = "proof-pending"
    default_detail = gettext_lazy("The log that is published does not have this month yet: ask again later.")


class TooLarge(exceptions.APIException):
    """The body is larger than any request needs."""

    status_code = 413
    default_code = "too-large"


def status_of(error: Exception) -> int | None:
    """This will find the status of a domain error, None for one that no caller can mend."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), None)


def problem(status: int, code: str, detail: str, **extra: Any) -> Response:
    """This will write a refusal as `application/problem+json` (RFC 9457)."""
    kind = KINDS.get(code)
    body = {
        "type": TYPE_PREFIX + code if kind else "about:blank",
        "title": str(kind.title) if kind else HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        **extra,
    }
    answer = Response(body, status=status, content_type="application/problem+json")
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        answer["Retry-After"] = str(RETRY_SECONDS)
    return answer


def problem_response(error: Exception, context: Mapping[str, Any]) -> Response:
    """This will translate every error into a problem; one that we did not foresee is logged with the request's id."""
    name = getattr(getattr(context.get("request"), "_request", None), "request_id", "")
    answer = _framework(error) if isinstance(error, exceptions.APIException) else _domain(error, name)
    answer.data["request_id"] = name
    return answer


def _domain(error: Exception, name: str) -> Response:
    if isinstance(error, Http404):
        return problem(404, "not-found", str(error) or _("There is nothing here."))
    if isinstance(error, PermissionDenied):
        return problem(403, "not-allowed", str(error) or _("You may not do this."))
    status = status_of(error)
    if status is None:
        log.error("unforeseen error in request %s", name, exc_info=error)
        return problem(500, "unforeseen", _("Something broke on our side; quote %s when you ask.") % name)
    found = [_found(finding).shape() for finding in getattr(error, "findings", ())]
    found += [Finding("terms", one.dimension, sentence(one)).shape() for one in getattr(error, "lost", ())]
    extra = {"findings": found} if found else {}
    return problem(status, str(getattr(error, "code", "refused")), _detail(error), **extra)


def _found(finding: Any) -> Finding:
    """Shows one finding of a domain error; those in a recipe have their place in its text."""
    where = str(getattr(finding, "where", ""))
    if not hasattr(finding, "column"):
        return Finding(getattr(finding, "part", "file"), where, sentence(finding))
    more = {name: getattr(finding, name) for name in ("line", "column", "length", "code", "suggestion")}
    return Finding("recipe", where, sentence(finding), more)


def _detail(error: Exception) -> str:
    """Says an error in the language asked for; a recipe's first mistakes with their places."""
    if not isinstance(error, UnreadableRecipe):
        return str(error)
    said = [
        _("Line %(line)d, column %(column)d: %(message)s")
        % {"line": one.line, "column": one.column, "message": sentence(one)}
        for one in error.findings[:_TOLD]
    ]
    return " ".join(said)


_TOLD = 3


def _framework(error: exceptions.APIException) -> Response:
    if isinstance(error, exceptions.ValidationError):
        leaves = _leaves(error.detail, ())
        error = InvalidRequest([Finding("body", pointer(*path), message) for path, message in leaves])
    if isinstance(error, InvalidRequest):
        return problem(422, error.default_code, str(error.detail), findings=[one.shape() for one in error.findings])
    code, detail = _in_our_words(error)
    answer = problem(error.status_code, code, detail)
    if header := getattr(error, "auth_header", None):
        # RFC 6750, section 3.1: no error code where no key was sent.
        told = ', error="invalid_token"' if isinstance(error, exceptions.AuthenticationFailed) else ""
        answer["WWW-Authenticate"] = header + told
    return answer


def _in_our_words(error: exceptions.APIException) -> tuple[str, str]:
    """Names the framework's own refusals as `problems.py` does, and says what to do."""
    match error:
        case CreatorKeyMissing():
            return "api-key-missing", _("This address needs a creator's API key, as “Authorization: Bearer wl_…”.")
        case exceptions.NotAuthenticated():
            return "api-key-missing", _("This address needs your studio's API key, as “Authorization: Bearer wl_…”.")
        case exceptions.AuthenticationFailed():
            return "api-key-unknown", str(error.detail)
        case exceptions.ParseError():
            return "invalid-json", str(error.detail)
        case exceptions.MethodNotAllowed():
            return "method-not-allowed", _("This address does not know that method: see the header Allow.")
        case exceptions.NotAcceptable():
            return "not-acceptable", _("This address answers with application/json: mend the header Accept.")
        case exceptions.UnsupportedMediaType():
            return "unsupported-media-type", _("Send the body as application/json.")
    codes = error.get_codes()
    return (codes.replace("_", "-") if isinstance(codes, str) else "refused"), str(error.detail)


def _leaves(detail: Any, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], str]]:
    if isinstance(detail, Mapping):
        return [
            leaf
            for name, part in detail.items()
            for leaf in _leaves(part, path if name == "non_field_errors" else (*path, str(name)))
        ]
    if isinstance(detail, list):
        return [
            leaf
            for place, part in enumerate(detail)
            for leaf in _leaves(part, path if isinstance(part, str) else (*path, str(place)))
        ]
    return [(path, str(detail))]
