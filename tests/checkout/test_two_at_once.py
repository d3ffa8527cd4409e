"""The same order twice in the same moment, on connections of their own: one order, one charge, one grant."""

from collections.abc import Callable
from typing import Any

from marketplace.checkout import operations as checkout
from marketplace.checkout.models import Order, PaymentOutcome, SandboxCharge
from marketplace.licensing.models import Grant
from marketplace.payouts.models import Sale
from marketplace.payouts.queries import check_books
from tests.api.studios import Market, Studio, key_of
from tests.cast import CARD, NOON

AtOnce = Callable[..., list[Any]]


def assert_bought_once() -> None:
    assert Order.objects.count() == PaymentOutcome.objects.count() == SandboxCharge.objects.count() == 1
    assert Grant.objects.count() == Sale.objects.count() == 1
    assert check_books() == []


def test_two_threads_with_the_same_key_buy_once(committed: None, market: Market, at_once: AtOnce) -> None:
    offer = market.offer()

    def buy() -> Order:
        return checkout.buy(
            studio=market.cast.studio,
            buyer=market.cast.carol,
            offers=[offer],
            method=CARD,
            idempotency_key="k",
            now=NOON,
        )

    said = at_once(buy, buy, buy)

    assert said == [Order.objects.get()] * 3
    assert_bought_once()


def test_two_requests_with_the_same_key_are_answered_alike(committed: None, market: Market, at_once: AtOnce) -> None:
    offer, carol = market.offer(), key_of(market.cast.studio, market.cast.carol)
    programs = [Studio(carol.secret, carol.key) for _ in range(3)]

    said = at_once(*[lambda program=program: program.order(offer) for program in programs])

    assert [answer.status_code for answer in said] == [201] * 3, [answer.content for answer in said]
    assert len({answer.content for answer in said}) == 1
    assert_bought_once()


def test_two_different_requests_with_the_same_key_are_one_order(
    committed: None, market: Market, at_once: AtOnce
) -> None:
    carol = key_of(market.cast.studio, market.cast.carol)
    programs = [Studio(carol.secret, carol.key) for _ in range(2)]
    offers = [market.offer(), market.offer(release=market.derived)]

    said = at_once(*[lambda pair=pair: pair[0].order(pair[1]) for pair in zip(programs, offers, strict=True)])

    assert sorted(answer.status_code for answer in said) == [201, 422]
    assert_bought_once()


def test_an_order_is_finished_by_its_buyer_and_the_worker_at_once(
    committed: None, market: Market, at_once: AtOnce
) -> None:
    order = checkout.place_order(
        studio=market.cast.studio,
        buyer=market.cast.carol,
        offers=[market.offer()],
        method=CARD,
        idempotency_key="k",
        now=NOON,
    )

    def worker() -> int:
        return checkout.finish_orders(now=NOON)

    said = at_once(lambda: checkout.pay(order=order, now=NOON), worker, worker)

    assert not [error for error in said if isinstance(error, Exception)]
    assert_bought_once()


def test_the_same_news_twice_at_once_has_one_effect(committed: None, market: Market, at_once: AtOnce) -> None:
    from tests.checkout.test_disputes import LATE, bought

    bought(market)

    said = at_once(*[lambda: checkout.collect_events(now=LATE)] * 2)

    assert sorted(said) in ([0, 2], [1, 1])
    assert Grant.objects.get().statuses.count() == 2
    assert check_books() == []
