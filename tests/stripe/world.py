"""What the fake knows: objects by id, whose they are, money in and out, events, and a clock that only a test moves."""

import copy
import heapq
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import stripe

from tests.stripe.oracle import members, whole, wrong

PLATFORM = "acct_platform"
DAY = 86_400
SETTLES_AFTER = 2 * DAY
# Stripe's own rules, beside ISO 4217: amounts are in these steps of the minor unit.
STEPS = {"bhd": 10, "jod": 10, "kwd": 10, "omr": 10, "tnd": 10, "isk": 100, "ugx": 100}
PAID_OUT_IN_STEPS = {"huf": 100, "twd": 100}
Row = dict[str, Any]


@dataclass
class Refused(Exception):
    """Stripe says no; becomes the answer's `error`, in Stripe's words."""

    message: str
    code: str | None = None
    status: int = 400
    kind: str = "invalid_request_error"
    param: str | None = None
    more: Row = field(default_factory=dict)

    def body(self) -> Row:
        """Gives the error as it is answered; what is not there is left out."""
        named = {"code": self.code, "message": self.message, "param": self.param, "type": self.kind}
        return {"error": {name: value for name, value in named.items() if value is not None} | self.more}


def checked(amount: int, currency: str, *, paid_out: bool = False) -> None:
    """Raises Refused for an amount that is none of the currency's, or that no bank pays out."""
    if amount < 1:
        raise Refused("This value must be greater than or equal to 1.", "parameter_invalid_integer", param="amount")
    if len(currency) != 3 or currency != currency.lower():
        raise Refused(f"Invalid currency: {currency}.", param="currency")
    steps = STEPS | (PAID_OUT_IN_STEPS if paid_out else {})
    if amount % steps.get(currency, 1):
        text = f"Invalid amount: in {currency} it must be a multiple of {steps[currency]}."
        raise Refused(text, "parameter_invalid_integer", param="amount")


def exchanged(amount: int, rate: Decimal) -> int:
    """Gives what an amount is in another currency, in its units, rounded half away from nothing."""
    return int((amount * rate).quantize(Decimal(1), ROUND_HALF_UP))


@dataclass
class Call:
    """One request that was understood: typed parameters, the ids in its path, the account that it acts for."""

    params: Row
    ids: tuple[str, ...]
    account: str
    request: Row


class World:
    """All state of one fake. Times are Unix seconds, amounts minor units; the same seed gives the same ids."""

    def __init__(self, now: int, seed: int = 1) -> None:
        self.now = now
        self.random = random.Random(seed)
        self.rows: dict[str, Row] = {}
        self.owners: dict[str, str] = {}
        self.kinds: dict[str, type] = {}
        self.hidden: defaultdict[str, Row] = defaultdict(dict)
        self.held: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.outside: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.ready: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.settles: dict[str, tuple[str, Decimal]] = {}
        self.lines: list[tuple[str, Row]] = []
        self.order: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        self.places: dict[str, int] = {}
        self.events: list[Row] = []
        self.request: Row = {"id": None, "idempotency_key": None}
        self._later: list[tuple[int, int, Callable[[], None]]] = []
        self._count, self._read = 0, 0
        self._sums: defaultdict[tuple[str, str], int] = defaultdict(int)

    # -- time --------------------------------------------------------------------------------------------------------

    def later(self, seconds: int, act: Callable[[], None]) -> None:
        """Lets something happen by itself when the clock gets there."""
        self._count += 1
        heapq.heappush(self._later, (self.now + seconds, self._count, act))

    def advance(self, seconds: int) -> None:
        """Moves the clock and lets what is due happen, each at its own time."""
        until = self.now + seconds
        while self._later and self._later[0][0] <= until:
            self.now, _, act = heapq.heappop(self._later)
            act()
        self.now = until

    # -- objects -----------------------------------------------------------------------------------------------------

    def new_id(self, prefix: str) -> str:
        """Gives an id that is like Stripe's and never the same twice."""
        self._count += 1
        return f"{prefix}_1{self._count:07d}{self.random.getrandbits(64):016x}"

    def add(self, kind: type, prefix: str, account: str = PLATFORM, **values: Any) -> Row:
        """Keeps a new object; raises Ill when it is not what its class says."""
        shape = members(kind)
        common = {"created": self.now, "livemode": False, "object": kind.OBJECT_NAME}  # type: ignore[attr-defined]
        if "metadata" in shape:
            common["metadata"] = {}
        row = whole(kind, **({k: v for k, v in common.items() if k in shape} | {"id": self.new_id(prefix)} | values))
        self.keep(row, account, kind)
        return row

    def keep(self, row: Row, account: str, kind: type) -> None:
        """Lets an object be found and listed."""
        self.rows[row["id"]], self.owners[row["id"]], self.kinds[row["id"]] = row, account, kind
        self.places[row["id"]] = len(self.order[row["object"], account])
        self.order[row["object"], account].append(row["id"])

    def find(self, what: str, row_id: str, account: str = PLATFORM, param: str | None = None) -> Row:
        """Gives an object of the account by id; raises Refused as Stripe does for what is not there."""
        row = self.rows.get(row_id)
        if row is None or row["object"] != what or self.owners[row_id] != account:
            name = what.split(".")[-1].replace("_", " ") if param is None else param
            raise Refused(
                f"No such {name}: '{row_id}'", "resource_missing", 404 if param is None else 400, param=param or "id"
            )
        return row

    def all(self, what: str, account: str = PLATFORM, since: str | None = None) -> Iterator[Row]:
        """Gives all objects of a kind, the newest first, or from one of them on."""
        ids = self.order[what, account]
        last = self.places.get(since, -1) if since else len(ids) - 1
        for place in range(min(last, len(ids) - 1), -1, -1):
            if ids[place] in self.rows:
                yield self.rows[ids[place]]

    def emit(self, kind: str, row: Row, **previous: Any) -> None:
        """Says what happened, with the object as it is now, whole in the oracle's eyes."""
        if found := wrong(row, self.kinds[row["id"]], path=row["object"]):
            raise AssertionError("; ".join(found))
        data = {"object": copy.deepcopy(row)} | ({"previous_attributes": previous} if previous else {})
        owner = self.owners[row["id"]] if row["object"] != "account" else row["id"]
        event = whole(
            stripe.Event,
            id=self.new_id("evt"),
            object="event",
            api_version=stripe.api_version,
            created=self.now,
            data=data,
            livemode=False,
            pending_webhooks=1,
            request=dict(self.request),
            type=kind,
            **({} if owner == PLATFORM else {"account": owner}),
        )
        self.keep(event, PLATFORM, stripe.Event)
        self.events.append(event)

    # -- money -------------------------------------------------------------------------------------------------------

    def post(
        self,
        account: str,
        kind: str,
        amount: int,
        currency: str,
        source: str | None,
        *,
        against: str,
        fee: int = 0,
        category: str | None = None,
        available_on: int | None = None,
    ) -> Row:
        """Moves money between an account and `against` (an account, or who is outside: buyers, banks), and notes it.

        What comes from buyers or goes to them is exchanged where its currency is one that `settles` in another.

        The fee goes to Stripe in the same line. Where `against` is an account, the other line is posted by the caller.
        """
        at, rate = self.now if available_on is None else available_on, None
        if against == "buyers" and currency in self.settles:
            currency, rate = self.settles[currency]
            amount, fee = exchanged(amount, rate), exchanged(fee, rate)
        details = [{"amount": fee, "application": None, "currency": currency, "description": "Stripe processing fees"}]
        row = self.add(
            stripe.BalanceTransaction,
            "txn",
            account,
            amount=amount,
            available_on=at,
            balance_type="payments",
            currency=currency,
            exchange_rate=None if rate is None else float(rate),
            fee=fee,
            fee_details=[detail | {"type": "stripe_fee"} for detail in details] if fee else [],
            net=amount - fee,
            reporting_category=category or kind,
            source=source,
            status="available" if at <= self.now else "pending",
            type=kind,
        )
        self.held[account, currency] += amount - fee
        self.outside["stripe fees", currency] += fee
        if not against.startswith("acct_"):
            self.outside[against, currency] -= amount
        self.lines.append((account, row))
        if at > self.now:
            self.later(at - self.now, lambda: self._available(account, row))
        else:
            self._available(account, row)
        return row

    def _available(self, account: str, row: Row) -> None:
        row["status"] = "available"
        self.ready[account, row["currency"]] += row["net"]

    def balance(self, account: str, currency: str) -> tuple[int, int]:
        """Gives what is available and what is pending, each of which may be below zero."""
        return self.ready[account, currency], self.held[account, currency] - self.ready[account, currency]

    def books(self, *, anew: bool = True) -> list[str]:
        """Says what does not add up: lines against balances, and everything against nothing.

        Not `anew`, only lines since the last time are read, so that each request can be followed by it.
        """
        if anew:
            self._read, self._sums = 0, defaultdict(int)
        lines = self._sums
        for account, row in self.lines[self._read :]:
            lines[account, row["currency"]] += row["net"]
        self._read = len(self.lines)
        found = [
            f"{who} {currency}: lines {lines[who, currency]}, balance {self.held[who, currency]}"
            for who, currency in sorted(lines.keys() | self.held.keys())
            if lines[who, currency] != self.held[who, currency]
        ]
        for currency in sorted({currency for _, currency in self.held}):
            total = sum(value for (_, each), value in [*self.held.items(), *self.outside.items()] if each == currency)
            if total:
                found.append(f"{currency}: {total} too much in the world")
        return found
