"""Who is paid when a composition is sold, and when it is used: up a tree of three levels, to the minor unit."""

from datetime import UTC, datetime
from fractions import Fraction

from marketplace.catalog.models import Release
from marketplace.checkout.models import OrderLine
from marketplace.checkout.rating import Rated, rate_uses
from marketplace.compositions.composing import Contracts
from marketplace.compositions.compositions import composition_text
from marketplace.compositions.models import LockedPack
from marketplace.intake.rules import DraftOffer
from marketplace.licensing.models import Grant
from marketplace.payouts.models import RoyaltyLine
from marketplace.payouts.operations import allocate_royalties
from marketplace.payouts.queries import shares_of
from marketplace.payouts.rules import WHOLE_PPB
from tests.checkout.usage import FIRST, NOVEMBER, charges, lines
from tests.compositions.composed import compose
from tests.compositions.conftest import _english, scene  # noqa: F401
from tests.compositions.stage import FILM, Stage
from tests.compositions.test_composition_shares import divided
from tests.compositions.usage.rendering import farm_of

ENTERPRISE = (DraftOffer("enterprise", "70.07", "USD"), DraftOffer("studio", "33.33", "USD"))
USED = datetime(2026, 11, 22, 15, tzinfo=UTC)


def split_of(release: Release) -> dict[str, int]:
    return {payee.handle: share for payee, share in shares_of(release.split_id)}


def by_hand(release: Release, makers: dict[str, Fraction]) -> dict[str, Fraction]:
    """Folds a release's sources as fractions, those of its sources as they stand."""
    owed: dict[str, Fraction] = {}
    kept = Fraction(1)
    for link in release.parents.all():
        kept -= Fraction(link.share_ppb, WHOLE_PPB)
        for payee, share in split_of(link.parent).items():
            part = Fraction(link.share_ppb, WHOLE_PPB) * Fraction(share, WHOLE_PPB)
            owed[payee] = owed.get(payee, Fraction(0)) + part
    for payee, share in makers.items():
        owed[payee] = owed.get(payee, Fraction(0)) + kept * share
    return owed


def test_a_sale_goes_up_three_levels_and_no_cent_is_lost(scene: Stage) -> None:  # noqa: F811
    """Alice's sea → Bob's isle → Mo's composition of both → Bob's poster, made from the composition."""
    cast = scene.cast
    scene.publish(cast.bob, "isle", seed=41, parents=[(str(scene.sea_11), 300_000_001)])
    text = "|sky: clouds @alice/sea/ink*0.7\n|isle: an isle @bob/isle [box 0,0.4,1,1]\n- style: @mo/ink*0.3\n"
    composed = compose(cast.mo, text, handle="isles", own_share_ppb=123_456_789, offers=ENTERPRISE)
    poster = scene.publish(cast.bob, "poster", seed=42, parents=[(str(composed), 777_777_777)])

    for release, maker in ((composed, "mo"), (poster, "bob")):
        exact = by_hand(release, {maker: Fraction(1)})
        order = [payee.handle for payee in sorted((cast.alice, cast.bob, cast.mo), key=lambda one: one.pk)]
        parts = divided(WHOLE_PPB, [exact[handle] for handle in order])
        assert split_of(release) == dict(zip(order, parts, strict=True))
        assert sum(split_of(release).values()) == WHOLE_PPB

    scene.buy(scene.offer(composed, "studio"), scene.offer(poster, "studio"))
    allocate_royalties(now=FIRST)

    bought = {line.offer.release: line for line in OrderLine.objects.select_related("offer__release")}
    assert set(bought) == {composed, poster}
    for release, line in bought.items():
        net = line.price_minor - line.fee_minor
        paid = dict(RoyaltyLine.objects.filter(sale__source=line.source).values_list("payee__handle", "amount_minor"))
        people = sorted((cast.alice, cast.bob, cast.mo), key=lambda one: one.pk)
        parts = divided(net, [Fraction(split_of(release)[one.handle]) for one in people])
        assert paid == {one.handle: part for one, part in zip(people, parts, strict=True) if part}
        assert sum(paid.values()) == net


def test_a_use_of_a_composition_pays_contracts_first_and_then_its_split(scene: Stage) -> None:  # noqa: F811
    """Carol makes 15 images with three packs under one license at 7 cents, of which 2 are Mo's by contract."""
    cast = scene.cast
    text = "|sky: clouds @alice/sea/ink\n|more: more clouds @alice/sea/ink\n- style: @mo/ink*2\n"
    composed = compose(
        cast.bob,
        text,
        handle="isles",
        own_share_ppb=600_000_000,
        offers=(),
        contracts=Contracts("image", "USD", {scene.ink.digest: 2}),
    )
    # Two quarters of 400 000 000 are Alice's, two are Mo's.
    assert split_of(composed) == {"alice": 200_000_000, "bob": 600_000_000, "mo": 200_000_000}
    offer = scene.offering(composed, "studio", 7, model="metered", unit="image")
    (grant,) = scene.buy(offer)
    lock = scene.lock(composition_text(composed), use=FILM)
    assert set(LockedPack.objects.filter(lock=lock).values_list("grant", "offer")) == {(grant.pk, offer.pk)}
    farm = farm_of(cast.studio, cast.carol)
    farm.send(farm.event(lock, USED, counts={"image": 15}))

    assert rate_uses(month=NOVEMBER, now=FIRST) == Rated(1, 2, 4)
    assert charges() == {grant: (1, 15, 105, 105, "USD")}
    # 40.8, 13.6 and 13.6 of 68 cents: one of the two that are left goes to Bob, one to whoever sorts first.
    first, second = sorted((cast.alice, cast.mo), key=lambda one: one.pk)
    assert lines(Grant.objects.get(pk=grant.pk)) == [
        ("contract", scene.ink, 30, 3, {"mo": 27}),
        ("pool", composed, 75, 7, {"bob": 41, first.handle: 14, second.handle: 13}),
    ]
