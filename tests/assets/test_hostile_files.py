"""Dave sends hostile files; each is refused for its trick: by the inspectors alone, in the child, and at the door."""

import time
from pathlib import Path

import pytest

from assets.inspectors.base import Inspection, Refused
from assets.inspectors.dispatch import inspect_file
from assets.inspectors.sandbox import Box, Candidate, inspect_files
from assets.operations import UnableToAdmit
from tests.assets import makers as make
from tests.assets.conftest import Traces
from tests.assets.door import send
from tests.assets.hostile import HOSTILE, Hostile, write_all
from tests.assets.makers import written
from tests.assets.zips import member, zipped

# One of each family, for what is too slow to be done with every file.
SOME = {hostile.name.rpartition(".")[2]: hostile for hostile in HOSTILE if hostile.data}


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: f"{hostile.name[:40]!a}: {hostile.trick}")
def test_a_hostile_file_is_refused_for_its_trick(hostile: Hostile, tmp_path: Path) -> None:
    path = written(tmp_path, "file", hostile.data)

    with pytest.raises(Refused) as refusal:
        inspect_file(path, hostile.name)

    assert [finding.code for finding in refusal.value.findings] == [hostile.code]
    (finding,) = refusal.value.findings
    assert finding.message.endswith(".")
    assert len(finding.message) < 600
    assert finding.message.isprintable()


@pytest.mark.deep
def test_all_of_them_are_refused_by_children_with_little_memory_and_time(tmp_path: Path) -> None:
    paths = list(write_all(tmp_path / "folder"))
    candidates = [Candidate(path, hostile.name) for path, hostile in zip(paths, HOSTILE, strict=True)]
    started = time.monotonic()

    outcomes = inspect_files(candidates, Box(memory_bytes=1024**3, seconds=30))

    assert [outcome.findings[0].code if isinstance(outcome, Refused) else outcome for outcome in outcomes] == [
        hostile.code for hostile in HOSTILE
    ]
    assert time.monotonic() - started < 120
    assert list(write_all(tmp_path / "folder")) == paths == sorted((tmp_path / "folder").iterdir())


@pytest.mark.parametrize("hostile", SOME.values(), ids=SOME.keys())
@pytest.mark.django_db
def test_at_the_door_it_leaves_no_blob_no_row_and_no_staged_file(hostile: Hostile, traces: Traces) -> None:
    with pytest.raises(UnableToAdmit) as refusal:
        send([(hostile.name, hostile.data)])

    assert [finding.code for finding in refusal.value.findings] == [hostile.code]
    assert traces.silent()


def test_there_are_enough_of_them() -> None:
    assert len(HOSTILE) >= 700
    assert len({hostile.code for hostile in HOSTILE}) >= 150


@pytest.mark.parametrize("name", ["large.png", "world.zip"])
def test_what_needs_more_memory_than_there_is_has_not_passed(name: str, tmp_path: Path) -> None:
    large = make.picture("PNG", (4000, 4000))
    if name == "world.zip":
        large = zipped([member(name="large.png", data=large, method=0)])
    path = written(tmp_path, "file", large)

    with_enough, without = (
        inspect_files([Candidate(path, name)], Box(memory_bytes=megabytes * 1024**2))[0] for megabytes in (1024, 150)
    )

    assert isinstance(with_enough, Inspection)
    assert isinstance(without, Refused)
    assert [finding.code for finding in without.findings] == ["inspection-did-not-finish"]
