"""What is due is inspected upload by upload: Dave's files that stop inspections do not stop Alice's."""

from pathlib import Path

import pytest

from assets import operations as assets
from assets.inspectors import sandbox
from assets.models import UploadInspection
from tests.assets.makers import written
from tests.assets.uploading import BYTES, begun, quick, sent
from tests.cast import later

# Dies on Dave's files and passes all others.
CHILD = b"""
import json, sys
for job in json.loads(sys.stdin.readline())["jobs"]:
    if job["name"].startswith("dave"):
        raise SystemExit(1)
    print(json.dumps({"media_type": "text/plain", "facts": {}, "fingerprints": []}), flush=True)
"""
State = UploadInspection.State


@pytest.mark.django_db
def test_files_that_stop_inspections_stop_nobody_elses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_CHILD", written(tmp_path, "child.py", CHILD))
    dave, alice = quick("dave"), quick("alice")
    for number in range(5):
        sent(begun(dave, name=f"dave-{number}.txt"), BYTES)
    cat = sent(begun(alice, name="cat.txt"), BYTES)

    assert assets.inspect_due(now=later(hours=1)) == 6

    states = dict(UploadInspection.objects.values_list("upload__name", "state"))
    assert states.pop("cat.txt") == State.PASSED
    assert set(states.values()) == {State.UNFINISHED}
    assert UploadInspection.objects.get(upload=cat).attempts == 1
