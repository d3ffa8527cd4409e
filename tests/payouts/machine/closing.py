"""The model's months: closed in the order of events, whatever the clock said."""

from datetime import UTC, datetime

from tests.payouts.machine.paying import Paying


def month_after(month):
    return datetime(month.year + month.month // 12, month.month % 12 + 1, 1, tzinfo=UTC)


class Closing(Paying):
    def __init__(self):
        super().__init__()
        self.months = {}  # (month, currency) → what each creator had before it, and after it
        self._closed = {}  # currency → the next month, how much of the journal is told, and what each had then

    def close_months(self, now):
        """A month ends before the first event that happened after its end, even where later events happened in it."""
        for currency in sorted({currency for _, currency, _ in self.journal}):
            story = [(at, positions) for at, code, positions in self.journal if code == currency]
            month, told, opening = self._closed.get(currency, (story[0][0], 0, {}))
            month = month.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
            while (end := month_after(month)) <= now:
                later = [place for place in range(told, len(story)) if end <= story[place][0] <= now]
                until = later[0] if later else len(story)
                closing = story[until - 1][1] if until > told else opening
                self.months[month, currency] = (opening, closing)
                month, told, opening = end, until, closing
            self._closed[currency] = (month, told, opening)
