"""Bob composes: what a recipe of Alice's, Mo's and his own packs is published as."""

import io
from typing import Any

from marketplace.catalog.models import Release
from marketplace.compositions.drafting import About
from marketplace.intake.examining import examine_now
from marketplace.intake.operations import publish_composition
from marketplace.intake.rules import DraftOffer
from marketplace.people.models import Creator
from tests import packs
from tests.cast import later

TEXT = """%seed=7
%@A=alice/sea/ink:^1
# The pier comes first.
|pier: a pier above the clouds @A*0.8
|crowd: a crowd with lanterns @bob/night [box 0,0.5,1,1]
- style: ink wash @mo/ink
"""
OWN_PPB = 400_000_000
OFFERS = (DraftOffer("studio", "60.00", "USD"),)


def about(**more: Any) -> About:
    said: dict[str, Any] = {
        "handle": "pier-night",
        "version": "1.0.0",
        "title": {"en": "Night on the pier", "zh-Hans": "栈桥之夜"},
        "summary": {"en": "Three packs, one picture."},
        "tags": ("night",),
        "cover": "cover.png",
        "own_share_ppb": OWN_PPB,
    }
    return About(**(said | more))


def compose(creator: Creator, text: str = TEXT, **more: Any) -> Release:
    """Publishes a composition at once, as a command would."""
    said = {name: more.pop(name) for name in ("recipe", "offers", "contracts", "masks", "now") if name in more}
    now = said.pop("now", later(minutes=5))
    submission = publish_composition(
        creator=creator,
        recipe=said.pop("recipe", text),
        about=about(**more),
        cover=io.BytesIO(packs.picture("#224466")),
        offers=said.pop("offers", OFFERS),
        now=now,
        by_hand=True,
        **said,
    )
    return examine_now(submission=submission, now=now)
