"""The same books in a few dictionaries: a second hand, which knows the rules and none of the product's code.

Read it as the shortest account of what the books do: money.py says whose money is where, earning.py how it gets there
from a sale, judging.py what risk keeps back and which payouts wait for checks, reversing.py what is taken back,
claiming.py what is frozen and taken down, paying.py how it leaves, closing.py what is told of a month.
"""

from tests.payouts.machine.closing import Closing

CURRENCIES = ("JPY", "KWD", "USD")


class Model(Closing):
    """All of it."""
