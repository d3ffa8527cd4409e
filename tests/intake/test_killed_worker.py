"""A worker is killed with -9 anywhere on the way of a submission, and the next one brings it to its end."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg.conninfo
import pytest
from django.db import connection
from django.utils import timezone

from assets.models import Asset, Blob, Upload
from ledger.models import Entry
from marketplace.catalog.models import Release
from marketplace.intake import operations
from marketplace.intake.models import Submission
from marketplace.licensing.models import Offer
from tests import packs
from tests.cast import on_stage
from tests.intake.stage import hand_in

HOME = Path(__file__).resolve().parents[2]
WORKER = "from marketplace.intake.operations import examine_due; from django.utils import timezone; import time\n"
WORKER += "print('ready', flush=True)\nwhile True: examine_due(now=timezone.now()); time.sleep(0.05)\n"


class Worker:
    """A process that does what the worker of the queue does."""

    def __init__(self, data: Path) -> None:
        database = psycopg.conninfo.make_conninfo(os.environ["DATABASE_URL"], dbname=connection.settings_dict["NAME"])
        self.process = subprocess.Popen(
            [sys.executable, "-c", "import django; django.setup()\n" + WORKER],
            cwd=HOME,
            env={
                **os.environ,
                "DATABASE_URL": database,
                "WORLDLOOM_DATA": str(data),
                "DJANGO_SETTINGS_MODULE": "marketplace.settings",
            },
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n"

    def kill(self, after_seconds: float) -> None:
        """Lets it work for a while, then kills it and all that it started."""
        try:
            self.process.wait(after_seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.mark.deep
def test_a_killed_worker_leaves_nothing_half_made_and_loses_nothing(
    committed: None, settings: Any, tmp_path: Path
) -> None:
    cast, chance = on_stage(), random.Random(7)
    folder = packs.write(tmp_path / "p", handle="clouds")
    (folder / "style.safetensors").write_bytes(packs.lora(1, rank=64))
    submission = hand_in(cast.alice, folder, timezone.now())
    for _attempt in range(12):
        Worker(settings.DATA_FOLDER).kill(chance.uniform(0.0, 2.5))
        submission.refresh_from_db()
        released = Release.objects.count()
        # All of a release is there, or nothing of it.
        assert (Asset.objects.count(), Offer.objects.count()) == ((3, 1) if released else (0, 0))
        assert Blob.objects.filter(assets__isnull=False).count() == (3 if released else 0)
        assert Entry.objects.filter(type="release").count() == released
        assert submission.state in (Submission.State.WAITING, Submission.State.PUBLISHED)
        assert submission.state == Submission.State.WAITING or released == 1
    operations.examine_due(now=timezone.now())
    submission.refresh_from_db()
    assert submission.state == Submission.State.PUBLISHED
    assert Release.objects.count() == 1
    assert Upload.objects.count() == 0
