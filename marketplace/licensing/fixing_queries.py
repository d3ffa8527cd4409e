"""What would make a refused use legal: another offer, another pack, or less of it. Questions only."""

from dataclasses import replace
from datetime import datetime

from marketplace.catalog.models import Release
from marketplace.licensing import queries
from marketplace.licensing.alternatives import alternatives_for
from marketplace.licensing.models import Grant
from marketplace.licensing.permits import Obstacle, Permit
from marketplace.licensing.terms.fixing import Fix, fixes
from marketplace.licensing.terms.lattice import Layer
from marketplace.licensing.terms.model import Terms, Use

_NOTHING = Terms(name="nothing")


def fixes_for(permit: Permit, use: Use, *, now: datetime) -> list[Fix]:
    """This will return the smallest changes that make a refused use legal, as `terms.fixing.fixes` gives them.

    They start from the license of the answer, where only its terms stand against the use, else from nothing. A use
    that names no days is about today. Each change's `to.key` is the id of an offer that is sold now.
    """
    if permit.allowed or permit.release is None:
        return []
    if not use.starts and not use.ends:
        today = now.date().isoformat()
        use = replace(use, starts=today, ends=today)
    layer, except_offers = _layer(permit, permit.release), []
    if permit.grant is not None and layer.terms != _NOTHING:
        except_offers = [permit.grant.offer_id]
    found = alternatives_for({layer.name: permit.release}, now=now, except_offers=except_offers)
    return fixes(use, [layer], found)


def is_of_terms(permit: Permit) -> bool:
    """This will tell whether nothing but the terms of a license that is held stands against a use."""
    return permit.grant is not None and not any(isinstance(reason, Obstacle) for reason in permit.reasons)


def _layer(permit: Permit, release: Release) -> Layer:
    grant: Grant | None = permit.grant
    held = grant is not None and is_of_terms(permit)
    terms = replace(queries.terms_of(grant.terms), seats=grant.seats) if held and grant is not None else _NOTHING
    return Layer(str(release), release.pack.creator.handle, terms)
