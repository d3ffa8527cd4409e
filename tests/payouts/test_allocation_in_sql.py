"""The run's SQL divides as `rules.allocate` does, bit for bit."""

from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplace.payouts.models import RoyaltyLine
from marketplace.payouts.operations import allocate_royalties, ensure_split, record_sale
from marketplace.payouts.queries import check_books
from marketplace.payouts.rules import WHOLE_PPB, Money, allocate
from tests.payouts.cast import NOON, add_creator

NETS = st.one_of(st.integers(1, 50), st.integers(1, 10**6), st.integers(9 * 10**9, 2**60))


@st.composite
def shares(draw):
    """Shares of two to seven payees; equal ones are common, so that ties are."""
    weights = draw(st.lists(st.sampled_from([1, 1, 1, 2, 3, 7, 10**6]), min_size=2, max_size=7))
    parts = [WHOLE_PPB * weight // sum(weights) for weight in weights]
    parts[draw(st.integers(0, len(parts) - 1))] += WHOLE_PPB - sum(parts)
    return parts


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(shares(), NETS), min_size=1, max_size=6))
def test_sql_allocates_as_python_does(django_db_blocker, db, sales):
    with transaction.atomic():
        cast = [add_creator(f"maker{number}", 10 + number) for number in range(7)]
        expected = {}
        for number, (parts, net) in enumerate(sales):
            own = dict(zip(cast, parts, strict=False))
            sale = record_sale(
                source=f"order-line:{number}",
                split=ensure_split(own=own, parents=[], now=NOON),
                gross=Money(net, "USD"),
                tax_minor=0,
                fee_minor=0,
                now=NOON,
            )
            for payee, part in allocate(net, [(creator.pk, ppb) for creator, ppb in own.items()]):
                if part:
                    expected[sale.pk, payee] = part

        allocate_royalties(now=NOON)

        lines = RoyaltyLine.objects.values_list("sale_id", "payee_id", "amount_minor")
        assert {(sale, payee): part for sale, payee, part in lines} == expected
        assert check_books() == []
        transaction.set_rollback(True)
