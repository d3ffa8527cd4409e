"""Two who admit, or one who sweeps meanwhile: nothing is stored twice and nothing that is wanted goes."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction

from assets.keeping import storing
from assets.operations import sweep
from tests.assets import makers as make
from tests.assets.conftest import Traces
from tests.assets.door import CAT, NOW, place_of, send


def test_a_sweep_waits_for_nobody_who_is_admitting(committed: None, traces: Traces) -> None:
    make.written(traces.folder, str(place_of(CAT).relative_to(traces.folder)), b"a cat")
    swept = []

    def sweep_elsewhere() -> None:
        swept.append(sweep(now=datetime.now(UTC) + timedelta(hours=2)).blobs)
        connection.close()

    with transaction.atomic():
        storing.put([], NOW)
        _in_thread(sweep_elsewhere)
    _in_thread(sweep_elsewhere)

    assert swept == [0, 1]


def test_two_who_send_the_same_at_once_get_the_same(committed: None, traces: Traces) -> None:
    files = [("a.txt", b"a cat"), ("b.txt", b"a dog"), ("c.json", b'["a cow"]')]
    gate, outcomes = threading.Barrier(3), []

    def send_them(order: int) -> None:
        gate.wait()
        outcomes.append({asset.pk for asset in send(files[::order])})
        connection.close()

    threads = [threading.Thread(target=send_them, args=(order,)) for order in (1, -1, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(outcomes) == 3
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert traces.rows() == (3, 3, 0, 3)


def _in_thread(work: Callable[[], None]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
