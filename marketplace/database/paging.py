"""Going through all rows of a table some at a time, so that no row that stays as it is keeps others from their turn."""

from collections.abc import Iterator
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet

M = TypeVar("M", bound=Model)


def each(rows: QuerySet[M], by: str, *, page: int = 200) -> Iterator[M]:
    """Yield all rows in the order of a time, ties by primary key; each page is read when the one before is done with.

    `by` names a field that never changes, and is never empty. Rows may leave or enter the selection meanwhile.
    """
    ordered = rows.order_by(by, "pk")
    found = list(ordered[:page])
    while found:
        yield from found
        if len(found) < page:
            return
        last: Any = found[-1]
        at = getattr(last, by)
        found = list(ordered.filter(Q(**{f"{by}__gt": at}) | Q(**{by: at, "pk__gt": last.pk}))[:page])
