"""A split is settled once, named by its content, and stated in the ledger."""

import json

import pytest

from ledger.models import Entry
from marketplace.payouts import rules
from marketplace.payouts.models import Split, SplitShare
from marketplace.payouts.operations import ensure_split
from marketplace.payouts.queries import shares_of
from marketplace.payouts.rules import WHOLE_PPB
from marketplace.people.models import Creator
from tests.payouts.cast import add_creator


def test_bob_derives_from_alice_and_erin(alice, bob, erin, noon):
    parent = ensure_split(own={alice: 700_000_000, erin: 300_000_000}, parents=[], now=noon)

    split = ensure_split(own={bob: WHOLE_PPB}, parents=[(parent, 200_000_000)], now=noon)

    assert shares_of(split.digest) == [(bob, 800_000_000), (alice, 140_000_000), (erin, 60_000_000)]
    assert split.digest == rules.split_digest([(alice.pk, 140_000_000), (bob.pk, 800_000_000), (erin.pk, 60_000_000)])


def test_a_split_is_stated_in_the_ledger(alice, bob, noon):
    split = ensure_split(own={bob: 1, alice: WHOLE_PPB - 1}, parents=[], now=noon)

    entry = Entry.objects.get(type="split", subject=f"split:{split.digest}")
    assert json.loads(bytes(entry.body))["body"] == {
        "split": split.digest,
        "shares": [
            {"payee": str(alice.pk), "share_ppb": WHOLE_PPB - 1},
            {"payee": str(bob.pk), "share_ppb": 1},
        ],
    }


def test_the_same_content_is_one_split(alice, bob, noon):
    first = ensure_split(own={alice: 700_000_000, bob: 300_000_000}, parents=[], now=noon)
    again = ensure_split(own={bob: 300_000_000, alice: 700_000_000}, parents=[], now=noon)

    assert again == first
    assert (Split.objects.count(), SplitShare.objects.count(), Entry.objects.count()) == (1, 2, 1)


@pytest.mark.parametrize("share_ppb", [WHOLE_PPB - 1, 0])
def test_shares_that_are_not_the_whole_leave_nothing_behind(alice, noon, share_ppb):
    with pytest.raises((rules.SharesDoNotSum, rules.ShareOutOfRange)):
        ensure_split(own={alice: share_ppb}, parents=[], now=noon)

    assert not Split.objects.exists()
    assert not Entry.objects.exists()


def test_a_long_split_is_stated_by_its_digest_and_number(db, noon):
    crowd = [add_creator(f"maker{number}", 100 + number) for number in range(50)]

    split = ensure_split(own=dict.fromkeys(crowd, WHOLE_PPB // 50), parents=[], now=noon)

    assert Creator.objects.count() == SplitShare.objects.count() == 50
    assert json.loads(bytes(Entry.objects.get().body))["body"] == {"split": split.digest, "payees": 50}
