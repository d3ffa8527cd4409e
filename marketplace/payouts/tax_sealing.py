"""Sealing what creators say for the tax office, under the keys that also seal the signing keys kept for them.

Those are `settings.CUSTODY_KEYS`, or a file of the data folder, and never in the database: whoever has the database
alone, or a copy of it, reads nothing; whoever loses the keys loses what was sealed.
"""

from typing import Any
from uuid import UUID

import orjson
from cryptography.fernet import InvalidToken
from django.utils.translation import gettext as _

from ledger.custody import custody_safe


class UnableToUnseal(Exception):
    """Tax details cannot be opened with the keys that there are."""

    code = "tax-details-sealed"

    def __init__(self, creator_id: UUID) -> None:
        self.creator_id = creator_id
        super().__init__(
            _("The tax details of creator %(creator)s are sealed with another key: restore WORLDLOOM_CUSTODY_KEYS.")
            % {"creator": creator_id}
        )


def seal(document: dict[str, Any], creator_id: UUID) -> bytes:
    """Return the document as bytes that open with a custody key, and for this creator alone."""
    return custody_safe().encrypt(orjson.dumps([str(creator_id), document]))


def unseal(sealed: bytes, creator_id: UUID) -> dict[str, Any]:
    """Return the document, or raise UnableToUnseal: another key, or another creator's."""
    try:
        owner, document = orjson.loads(custody_safe().decrypt(bytes(sealed)))
    except InvalidToken as error:
        raise UnableToUnseal(creator_id) from error
    if owner != str(creator_id):
        raise UnableToUnseal(creator_id)
    return document
