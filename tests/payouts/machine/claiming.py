"""The model's claims: what a subject earned is frozen and thawed; taken down, given back, or awarded."""

from tests.payouts.machine.money import divide
from tests.payouts.machine.reversing import Reversal, Reversing


class Claiming(Reversing):
    def subjects_sales(self, subject, currency=None):
        found = [sale for sale in self.sales.values() if sale.subject == subject]
        return [sale for sale in found if currency in (None, sale.currency)]

    # Takedowns.

    def take_down(self, subject, reason, now):
        """All that remains of the lines of a subject's sales goes into their pots; what is allocated yet, too."""
        sales = self.subjects_sales(subject)
        if any(one.reason == reason and one.outcome for sale in sales for one in self.of(sale, "takedown")):
            return
        for currency in sorted({sale.currency for sale in sales}):
            self._take_sales([sale for sale in sales if sale.currency == currency], reason, now)

    def take_again(self, sale, now):
        if standing := self._own(sale):
            self._take_sales([sale], self.reversals[min(standing)].reason, now)

    def _take_sales(self, sales, reason, now):
        if not any(self.there(sale) - sale.tax - sale.fee - sale.pot for sale in sales):
            return
        self._allocate_together(sales, now)
        made = {}
        for sale in sales:
            if amount := sum(sale.left.values()):
                made[sale.source] = Reversal("takedown", sale.source, reason, amount, now)
        for source, creator in self._in_order(made):
            if part := self.sales[source].left[creator]:
                made[source].lines[creator] = self._take_line(self.sales[source], creator, part)
        self._tell_all()
        for source, reversal in made.items():
            sale = self.sales[source]
            before = sum(one.reason == reason for one in self.of(sale, "takedown"))
            sale.pot += reversal.amount
            self.credit("taken_down", sale.currency, reversal.amount)
            self.reversals[f"takedown:{source}:{before}:{reason}"] = reversal
        self.hold_left_by(made.values(), sales[0].currency)

    def _allocate_together(self, sales, now):
        run = self.runs
        for sale in sales:
            if sale.due is None:
                self.allocate(now, only=sale.source)
                sale.run, self.runs = run, run + 1

    def _in_order(self, sources):
        """Returns (source, creator) of the sales' lines in their order; new lines, all pending, come last."""
        known = [line for line in self.lines if line[0] in sources]
        new = [(source, creator) for source in sources for creator in self.sales[source].left]
        return [*known, *(line for line in new if line not in known)]

    def _own(self, sale):
        """Returns what is left of each standing takedown: reversals used the pot of the first ones first."""
        own, pot = {}, sale.pot
        for key, one in sorted(self.reversals.items(), reverse=True):
            if (one.kind, one.source, one.outcome) == ("takedown", sale.source, None):
                own[key] = min(one.amount, pot)
                pot -= own[key]
        return own

    def lift(self, subject, reason):
        """Gives what is left back to the lines, by what was taken of each."""
        for currency in sorted({sale.currency for sale in self.subjects_sales(subject)}):
            back = {}  # (source, creator) → what it gets, and what of that was held
            for key, amount in self._standing(subject, currency, reason):
                one, creators = self.reversals[key], sorted(self.reversals[key].lines)
                parts = divide(amount, [sum(one.lines[creator].values()) for creator in creators])
                for creator, part in zip(creators, parts, strict=True):
                    if part:
                        one.returned[creator] = part
                        got, held = back.get((one.source, creator), (0, 0))
                        was_held = min(part, one.lines[creator].get("frozen", 0))
                        back[one.source, creator] = (got + part, held + was_held)
                one.outcome = "lifted"
                self.sales[one.source].pot -= amount
                self.debit("taken_down", currency, amount)
            for source, creator in [line for line in self.lines if line in back]:
                self._give_back(self.sales[source], creator, *back[source, creator])
            self._tell_all()

    def award(self, subject, reason, source_of, shares_of):
        """Gives what is left to who is right: a sale in each currency, along their split."""
        for currency in sorted({sale.currency for sale in self.subjects_sales(subject)}):
            own = self._standing(subject, currency, reason)
            if own:
                for key, amount in own:
                    self.reversals[key].outcome = "awarded"
                    self.sales[self.reversals[key].source].pot -= amount
                total = sum(amount for _, amount in own)
                if total:
                    self.sell(source_of(currency), "", currency, 0, 0, shares_of(total), paid_from="taken_down")

    def _standing(self, subject, currency, reason):
        """Returns the standing takedowns for the reason, and how much of each is left."""
        return [
            (key, amount)
            for sale in self.subjects_sales(subject, currency)
            for key, amount in self._own(sale).items()
            if self.reversals[key].reason == reason
        ]

    # Freezes.

    def freeze(self, subject, reason):
        """Holds what of a subject's lines is pending or available."""
        if (subject, reason) in self.freezes:
            return
        self.freezes[subject, reason] = True
        theirs = set()  # who may have available what was released of it
        for sale in self.subjects_sales(subject):
            for creator, part in sale.left.items():
                if sale.released:
                    theirs.add((creator, sale.currency))
                else:
                    rest = part - self.held[sale.source, creator]
                    self.put("pending", creator, sale.currency, -rest)
                    self.hold(creator, sale.source, rest)
        for creator, currency in sorted(theirs):
            self.hold_available(creator, currency, lambda source: self.sales[source].subject == subject)

    def hold_available(self, creator, currency, which):
        """Holds what is available of some sales."""
        lots = [lot for lot in self.standing(creator, currency) if which(lot[0])]
        for source, part in lots:
            self.put("available", creator, currency, -part)
            self.hold(creator, source, part)
        self.tell(creator, currency, *(("held", source, part) for source, part in lots))

    def thaw(self, subject, reason):
        """Gives back what is held, once nothing freezes the subject any more."""
        if not self.freezes.get((subject, reason)):
            return
        self.freezes[subject, reason] = False
        back = {}  # (creator, currency) → what of which sale
        for source, creator in self.lines:
            if self.held[source, creator] and not self.is_frozen(source):
                amount, sale = self.unhold(creator, source), self.sales[source]
                if sale.released:
                    back.setdefault((creator, sale.currency), []).append((source, amount))
                else:
                    self.put("pending", creator, sale.currency, amount)
        for (creator, currency), lots in sorted(back.items()):
            self.give(creator, currency, lots)
