"""A server that answers each request with Stripe's published example of the kind: somebody else's, unexpanded."""

from typing import Any

from tests.stripe.published import KINDS, published
from tests.stripe.routes import Route
from tests.stripe.server import FakeStripe
from tests.stripe.world import Call, Row


class Canned(FakeStripe):
    """Keeps nothing and knows nothing; requests are held against Stripe's types as the fake's are.

    `changed` are values that examples have instead of theirs, by kind.
    """

    def __init__(self, now: int, seed: int = 1) -> None:
        super().__init__(now, seed)
        self.changed: dict[str, Row] = {}
        self.world.rows["acct_published"] = published("account")  # for which we may act

    def of(self, kind: str) -> Row:
        """Gives the example of a kind, as it is answered here."""
        return published(kind, **self.changed.get(kind, {}))

    def _made(self, route: Route, call: Call, path: str) -> Row:
        kind = str(route.kind.OBJECT_NAME)  # type: ignore[attr-defined]
        if kind not in KINDS:
            raise LookupError(f"no example of {kind} is published")
        answer: Any = self.of(kind)
        if not route.listed:
            return dict(answer)
        return {"object": "list", "data": [answer], "has_more": False, "url": path}
