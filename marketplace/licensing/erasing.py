"""Forgetting who holds a license: the log keeps a commitment that nobody can open any more."""

from django.db import transaction

from marketplace.licensing.models import Grant, LicenseeCommitment
from marketplace.people.models import Studio


@transaction.atomic
def erase_licensee(*, studio: Studio) -> int:
    """This will erase who the studio is, the salts and the certificates from all its licenses; give their number.

    It is for good. The licenses stay, with release, terms and status: the log says that each was granted, and no
    longer to whom. Certificates and bundles that the studio downloaded still verify; new ones cannot be made. The
    studio's own row, its seats and its orders are not touched: people's and checkout's to keep as the law asks.
    """
    LicenseeCommitment.objects.filter(studio=studio).update(licensee_name="", licensee_salt="")
    held = Grant.objects.filter(studio=studio).exclude(certificate="")
    return held.update(
        licensee_name="", licensee_salt="", licensee_country="", licensee_registration="", certificate=""
    )
