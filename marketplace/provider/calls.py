"""The outbox: the intent is committed, then an attempt, then the call with our key is made, then its answer kept.

Whatever happens between any two of these, asking again with the same key does the thing once: docs/decisions/0042.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from marketplace.provider import rules
from marketplace.provider.client import ProviderRefused, ProviderUnavailable, client, refused, unavailable
from marketplace.provider.looking import look_up
from marketplace.provider.models import ProviderAnswer, ProviderCall, ProviderCallSent, ProviderCallTrouble

log = logging.getLogger(__name__)
Body = dict[str, Any]
Find = Callable[[Any], Any]
# What the provider says of parameters that are our mistake: no buyer and no creator can do anything about them.
MISTAKES = ("parameter_", "url_invalid", "api_key_", "livemode_mismatch")

_INTEND = """
INSERT INTO provider_providercall (key, operation, account, subject, fingerprint, amount_minor, currency, intended_at)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[],
                     %s::timestamptz[])
    ON CONFLICT (key) DO NOTHING
"""
_ATTEMPT = """
INSERT INTO provider_providercallsent (call_id, number, generation, sent_at)
SELECT call, number, generation, %s FROM unnest(%s::bigint[], %s::int[], %s::int[]) n (call, number, generation)
    ON CONFLICT (call_id, number) DO NOTHING RETURNING call_id, id
"""


class UnableToAsk(Exception):
    """A key was used for something else before: whoever asks has made a mistake, and nothing is sent."""

    code = "provider-key-reused"

    def __init__(self, key: str) -> None:
        super().__init__(f"the key {key} was used for something else")
        self.key = key


@dataclass(frozen=True)
class Ask:
    """One thing to be done: see perform."""

    key: str
    operation: str
    params: Mapping[str, Any]
    account: str = ""
    subject: str = ""
    find: Find | None = None

    def whole(self) -> Body:
        """Return the parameters as they are sent: what is made carries our key."""
        if not rules.has_metadata(self.operation):
            return dict(self.params)
        return {**self.params, "metadata": {**(self.params.get("metadata") or {}), "worldloom_key": self.key}}

    def fingerprint(self) -> str:
        """Return what tells it from any other use of its key."""
        return rules.fingerprint(operation=self.operation, account=self.account, params=self.params)


@dataclass
class _Work:
    """An ask on its way: its row, what is next, and how it ended."""

    ask: Ask
    call_id: int = 0
    plan: rules.Plan | None = None
    attempts: list[rules.Attempt] = field(default_factory=list)
    attempt_id: int = 0
    adopted: bool = False
    body: Body | None = None
    end: Body | Exception | None = None


def perform(
    *,
    key: str,
    operation: str,
    params: Mapping[str, Any],
    account: str = "",
    subject: str = "",
    now: datetime,
    find: Find | None = None,
) -> Body:
    """Do something at the provider once, however often it is asked for; return the object as plain values.

    `operation` names a method of the provider's client, with ids after it: `transfers.reversals.create:tr_1`. A key
    that was answered before gives what was kept of that answer (without `rules.PRIVATE`), and calls nothing. `find`
    takes the client and returns the object where it was made by an attempt that we never heard of; without it, what
    is created is looked for by our key in its metadata. What is adopted is the object as it is by now: a
    PaymentIntent whose card was declined comes as such, and not as a refusal.
    Raises ProviderUnavailable, ProviderRefused, UnableToAsk; RuntimeError inside a transaction.
    """
    [end] = perform_all([Ask(key, operation, params, account, subject, find)], now=now)
    if isinstance(end, Exception):
        raise end
    return end


def perform_all(asks: Sequence[Ask], *, now: datetime, threads: int = 1, patience: int = 5) -> list[Body | Exception]:
    """Do many things, with one commit for all intents and one for all answers; return how each ended, in order.

    See perform. With several threads, calls are made at the same time; each thread keeps a connection alive, and none
    touches the database. When so many in a row are not answered as `patience` says, the rest is not asked.
    """
    if not asks:
        return []
    works = [_Work(ask) for ask in asks]
    if len({ask.key for ask in asks}) < len(asks):
        raise ValueError("a key is asked for twice at once")
    _intend(works, now)
    looking = [work for work in works if work.plan is not None and work.plan.look]
    _each(_look, looking, threads)
    missing = [work for work in looking if work.end is None and work.body is None]
    if missing:
        _begin(missing, now)
    patient = _Patience(patience)
    _each(lambda work: _send(work, patient), [work for work in works if work.attempt_id], threads)
    _keep(works, now)
    return [work.end if work.end is not None else ProviderUnavailable("unsettled") for work in works]


def _each(act: Callable[[_Work], None], works: list[_Work], threads: int) -> None:
    if threads < 2 or len(works) < 2:
        for work in works:
            act(work)
        return
    with ThreadPoolExecutor(min(threads, len(works))) as pool:
        list(pool.map(act, works))


def _intend(works: list[_Work], now: datetime) -> None:
    """Commit the intents, and the attempts of all that may be sent at once; end what was answered before."""
    rows = [_row(work.ask, now) for work in works]
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute(_INTEND, [list(column) for column in zip(*rows, strict=True)])
        known = {
            call.key: call
            for call in ProviderCall.objects.filter(key__in=[work.ask.key for work in works]).select_related("answer")
        }
        for work, row in zip(works, rows, strict=True):
            call = known[work.ask.key]
            work.call_id = call.pk
            if call.fingerprint != row[4]:
                work.end = UnableToAsk(work.ask.key)
            elif hasattr(call, "answer"):
                work.end = _said(call.answer)
        _plan([work for work in works if work.end is None], now)
        _attempt([work for work in works if work.plan is not None and not work.plan.look], now)


def _row(ask: Ask, now: datetime) -> tuple[Any, ...]:
    amount, currency = ask.params.get("amount"), ask.params.get("currency")
    number = amount if isinstance(amount, int) else None
    said = (ask.key, ask.operation, ask.account, ask.subject, ask.fingerprint(), number)
    return (*said, str(currency or "").upper()[:3], now)


def _plan(works: list[_Work], now: datetime) -> None:
    of_call = {work.call_id: work for work in works}
    for sent in ProviderCallSent.objects.filter(call__in=of_call).select_related("trouble").order_by("number"):
        trouble = sent.trouble.kind if hasattr(sent, "trouble") else ""
        attempt = rules.Attempt(sent.number, sent.generation, sent.sent_at, trouble)
        of_call[sent.call_id].attempts.append(attempt)
    for work in works:
        work.plan = rules.plan(work.attempts, now=now)


def _begin(works: list[_Work], now: datetime) -> None:
    """Commit the attempts of what was looked for and is not there; what was sent a moment ago is left to settle."""
    ready = []
    for work in works:
        assert work.plan is not None
        if work.plan.may_send:
            ready.append(work)
        else:
            work.end = ProviderUnavailable("unsettled", "sent a moment ago, and not there yet")
    with transaction.atomic(durable=True):
        _attempt(ready, now)


def _attempt(works: list[_Work], now: datetime) -> None:
    if not works:
        return
    plans = [(work.call_id, work.plan.number, work.plan.generation) for work in works if work.plan is not None]
    with connection.cursor() as cursor:
        cursor.execute(_ATTEMPT, [now, *(list(column) for column in zip(*plans, strict=True))])
        ids = dict(cursor.fetchall())
    for work in works:
        work.attempt_id = ids.get(work.call_id, 0)
        if not work.attempt_id:
            work.end = ProviderUnavailable("busy", "somebody else begins the same attempt")


def _look(work: _Work) -> None:
    """Ask whether it was done by an attempt that we never heard of, and whether that is what was asked for."""
    ask = work.ask
    try:
        found = look_up(
            operation=ask.operation,
            key=ask.key,
            account=ask.account,
            find=ask.find,
            attempts=work.attempts,
            params=ask.params,
        )
    except Exception as error:
        work.end = unavailable(error) or ProviderUnavailable("failed", str(error)[:300])
        return
    if found is None:
        return
    wrong = rules.contradiction(params=ask.params, found=found)
    if wrong:
        log.critical("%s: what the provider has for it (%s) differs in %s", ask.key, found.get("id"), wrong)
        work.end = ProviderUnavailable("contradicts", f"{found.get('id')} differs in {wrong}")
        return
    work.body, work.adopted = found, True


class _Patience:
    """Counts what was not answered in a row; threads may miscount by one another, which does no harm."""

    def __init__(self, most: int) -> None:
        self.most, self.in_a_row = most, 0

    def heard(self, end: Body | Exception | None) -> None:
        """Take note of how a call ended."""
        away = isinstance(end, ProviderUnavailable) and end.kind in ("away", "limited", "config", "failed")
        self.in_a_row = self.in_a_row + 1 if away else 0


def _send(work: _Work, patience: _Patience) -> None:
    """Make one attempt; nothing is written here, so that threads need no connection to the database."""
    if patience.in_a_row >= patience.most:
        work.end = ProviderUnavailable("unasked", "many before it were not answered")
        return
    _call(work)
    patience.heard(work.end)


def _call(work: _Work) -> None:
    assert work.plan is not None
    ask = work.ask
    service, method, ids = rules.named(ask.operation)
    options = {"idempotency_key": rules.key_of(ask.key, work.plan.generation)}
    if ask.account:
        options["stripe_account"] = ask.account
    try:
        at: Any = client().v1
        for name in service.split("."):
            at = getattr(at, name)
        answered = getattr(at, method)(*ids, ask.whole(), options)
        work.body = rules.plain(answered.last_response.body)
    except Exception as error:
        work.end = unavailable(error)
        if work.end is None:
            work.body = refused(error)
            work.end = ProviderRefused(work.body)


def _keep(works: list[_Work], now: datetime) -> None:
    """Keep answers and troubles; an answer that somebody else kept meanwhile is the one that counts."""
    troubles, answers = [], []
    for work in works:
        end = work.end
        if isinstance(end, ProviderUnavailable) and work.attempt_id:
            troubles.append(
                ProviderCallTrouble(
                    attempt_id=work.attempt_id,
                    kind=end.kind,
                    status=end.status,
                    code=end.provider_code,
                    message=end.message,
                    at=now,
                )
            )
            if end.kind != "unasked":
                _warn(work.ask, end)
        elif work.body is not None:
            answers.append(_answer(work, now))
    if not troubles and not answers:
        return
    tried = [work for work in works if work.attempt_id or work.body is not None]
    with transaction.atomic(durable=True):
        ProviderCallTrouble.objects.bulk_create(troubles, ignore_conflicts=True)
        ProviderAnswer.objects.bulk_create(answers, ignore_conflicts=True)
        asked = [work.call_id for work in tried]
        counting = {one.call_id: one for one in ProviderAnswer.objects.filter(call__in=asked)}
    for work in tried:
        if (kept := counting.get(work.call_id)) is None:
            continue
        same = work.body is not None and kept.object_id == _id_of(work.body) and kept.outcome == _outcome(work)
        if work.body is not None and not same:
            log.critical("%s: the provider answered otherwise before (%s)", work.ask.key, kept.object_id)
        if work.body is None or not same:
            work.end = _said(kept)
        elif kept.outcome == ProviderAnswer.DONE:
            work.end = work.body


def _outcome(work: _Work) -> str:
    return ProviderAnswer.REFUSED if isinstance(work.end, ProviderRefused) else ProviderAnswer.DONE


def _id_of(body: Body) -> str:
    return str(body.get("id") or body.get("object_id") or "")[:255]


def _answer(work: _Work, now: datetime) -> ProviderAnswer:
    assert work.body is not None
    if isinstance(work.end, ProviderRefused) and work.end.provider_code.startswith(MISTAKES):
        log.error("%s: %s refused our parameters: %s", work.ask.key, work.ask.operation, work.end)
    return ProviderAnswer(
        call_id=work.call_id,
        outcome=_outcome(work),
        object_id=_id_of(work.body),
        adopted=work.adopted,
        body=rules.kept(work.body),
        at=now,
    )


def _said(answer: ProviderAnswer) -> Body | Exception:
    body: Body = answer.body
    return ProviderRefused(body) if answer.outcome == ProviderAnswer.REFUSED else body


def _warn(ask: Ask, end: ProviderUnavailable) -> None:
    level = logging.CRITICAL if end.kind == "config" else logging.WARNING
    log.log(level, "%s: %s was not answered: %s", ask.key, ask.operation, end)
