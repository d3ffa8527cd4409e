"""The same books in a few dictionaries: a second hand, which knows the rules and none of the product's code.

Read it as the shortest account of what the books do: money.py says whose money is where, earning.py how it gets there
from a sale, reversing.py what is taken back and frozen, paying.py how it leaves.
"""

from tests.payouts.machine.paying import Paying

CURRENCIES = ("JPY", "KWD", "USD")


class Model(Paying):
    """All of it."""
