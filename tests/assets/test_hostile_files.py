"""Dave sends hostile files; each is refused for its trick, in the inspectors alone."""

from pathlib import Path

import pytest

from assets.inspectors.base import Refused
from assets.inspectors.dispatch import inspect_file
from tests.assets.hostile import HOSTILE, Hostile
from tests.assets.makers import written


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


def test_there_are_enough_of_them() -> None:
    assert len(HOSTILE) >= 150
