"""Answering a dispute: files are uploaded, texts go with them, and what is submitted is final."""

from collections.abc import Mapping
from datetime import datetime
from io import BytesIO
from typing import Any

from marketplace.checkout.gateways.base import Submitted
from marketplace.checkout.gateways.stripe.reaching import reaching
from marketplace.provider.calls import perform
from marketplace.provider.client import ProviderRefused
from marketplace.provider.looking import plain

_FILES = """
cancellation_policy customer_communication customer_signature duplicate_charge_documentation receipt refund_policy
service_documentation shipping_documentation uncategorized_file
"""
_TEXTS = """
access_activity_log billing_address cancellation_policy_disclosure cancellation_rebuttal customer_email_address
customer_name customer_purchase_ip duplicate_charge_explanation duplicate_charge_id product_description
refund_policy_disclosure refund_refusal_explanation service_date shipping_address shipping_carrier shipping_date
shipping_tracking_number uncategorized_text
"""
FILES, TEXTS = frozenset(_FILES.split()), frozenset(_TEXTS.split())
"""Stripe's fields of evidence, by what they hold."""

FILE_BYTES, TEXT_CHARACTERS = 5 * 1024**2, 150_000
"""Stripe's limits: for one file, and for all texts together."""


class UnableToSubmit(Exception):
    """Evidence is not as Stripe takes it; nothing was sent."""

    code = "unable-to-submit-evidence"


def submit(
    *,
    key: str,
    dispute_reference: str,
    texts: Mapping[str, str],
    files: Mapping[str, tuple[str, bytes]],
    now: datetime,
) -> Submitted:
    """This will send evidence for a dispute once for each key, and say that it is all. A file is (name, its bytes).

    Raises UnableToSubmit, or GatewayUnavailable when nobody knows whether it arrived.
    """
    _check(texts, files)
    evidence: dict[str, str] = {name: text for name, text in texts.items() if text}
    try:
        with reaching():
            for field, (name, content) in sorted(files.items()):
                evidence[field] = _uploaded(f"{key}:{field}", dispute_reference, name, content, now)
            sent = perform(
                key=key,
                operation=f"disputes.update:{dispute_reference}",
                params={"evidence": evidence, "submit": True, "metadata": {"worldloom_evidence": key[:500]}},
                subject=f"dispute:{dispute_reference}",
                now=now,
                find=lambda client: _sent(client.v1.disputes.retrieve(dispute_reference), key),
            )
    except ProviderRefused as refused:
        return Submitted(dispute_reference, False, refused.message[:300])
    return Submitted(str(sent["id"]), True)


def _check(texts: Mapping[str, str], files: Mapping[str, tuple[str, bytes]]) -> None:
    if unknown := sorted((texts.keys() - TEXTS) | (files.keys() - FILES)):
        raise UnableToSubmit(f"no such fields of evidence: {', '.join(unknown)}")
    if sum(len(text) for text in texts.values()) > TEXT_CHARACTERS:
        raise UnableToSubmit(f"the texts have more than {TEXT_CHARACTERS} characters")
    if large := sorted(field for field, (_name, content) in files.items() if len(content) > FILE_BYTES):
        raise UnableToSubmit(f"more than {FILE_BYTES} bytes: {', '.join(large)}")


def _uploaded(key: str, dispute: str, name: str, content: bytes, now: datetime) -> str:
    """Uploads a file; where a key is so old that it is sent anew, one more copy lies there, which nobody sees."""
    stream = BytesIO(content)
    stream.name = name  # what the form calls the file
    made = perform(
        key=key,
        operation="files.create",
        params={"purpose": "dispute_evidence", "file": stream},
        subject=f"dispute:{dispute}",
        now=now,
    )
    return str(made["id"])


def _sent(found: Any, key: str) -> dict[str, Any] | None:
    dispute = plain(found) or {}
    return dispute if (dispute.get("metadata") or {}).get("worldloom_evidence") == key[:500] else None
