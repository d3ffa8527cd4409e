"""The child that inspects: what it cannot finish has not passed, and it never outlives its parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from assets.inspectors import sandbox
from assets.inspectors.base import Inspection, Limits, Refused
from assets.inspectors.sandbox import Box, Candidate, inspect_files, make_preview
from tests.assets import makers as make


def codes(outcomes: list[Inspection | Refused]) -> list[str]:
    return [one.findings[0].code if isinstance(one, Refused) else one.media_type for one in outcomes]


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> Path:
    """Puts another program in the child's place, which counts its starts."""
    starts = folder / "starts"
    path = make.written(folder, "child.py", f"open({str(starts)!r}, 'a').write('x')\n{program}".encode())
    monkeypatch.setattr(sandbox, "_CHILD", path)
    return starts


def test_one_child_answers_for_a_whole_batch_in_order(tmp_path: Path) -> None:
    text, bad = make.written(tmp_path, "1", b"a cat"), make.written(tmp_path, "2", b"a\0cat")
    picture = make.written(tmp_path, "3", make.picture())

    outcomes = inspect_files([Candidate(text, "a.txt"), Candidate(bad, "b.txt"), Candidate(picture, "c.png")])

    assert codes(outcomes) == ["text/plain", "text-forbidden-character", "image/png"]
    assert isinstance(outcomes[1], Refused)
    assert outcomes[1].findings[0].where == "b.txt: line 1"
    assert str(outcomes[1]) == "b.txt: line 1 holds the hidden or control character U+0000; remove it."


def test_no_files_need_no_child(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    starts = stand_in(tmp_path, monkeypatch, "")

    assert inspect_files([]) == []
    assert not starts.exists()


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import os; os.abort()", "it stopped"),
        ("raise SystemExit(0)", "it stopped"),
        ("print('fine')", "it did not answer in JSON"),
        ("print('[]')", "it did not answer in JSON"),
        ("import time; time.sleep(60)", "it took longer than 1 s"),
        (
            "import sys; sys.stdout.write('x' * 3000); sys.stdout.flush(); import time; time.sleep(9)",
            "it said too much",
        ),
        ("print('{}')", "no answer"),
        ("print('{\"findings\": []}')", "no answer"),
    ],
)
def test_whatever_goes_wrong_in_the_child_is_a_refusal(
    program: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, monkeypatch, program)

    (outcome,) = inspect_files([Candidate(tmp_path, "a.txt")], Box(seconds=1, output_bytes=1000))

    assert isinstance(outcome, Refused)
    (finding,) = outcome.findings
    assert (finding.code, finding.where) == ("inspection-did-not-finish", "a.txt")
    assert finding.message == (
        f"a.txt: the inspection did not finish ({reason}); try again, and save the file anew if it fails again."
    )


def test_a_child_that_dies_again_and_again_is_started_three_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts = stand_in(tmp_path, monkeypatch, "raise SystemExit(1)")

    outcomes = inspect_files([Candidate(tmp_path, f"{n}.txt") for n in range(6)])

    assert codes(outcomes) == ["inspection-did-not-finish"] * 6
    assert starts.read_text() == "xxx"


def test_a_file_that_stops_the_child_leaves_the_others_their_answer(tmp_path: Path) -> None:
    good, pipe = make.written(tmp_path, "good", b"a cat"), tmp_path / "pipe"
    os.mkfifo(pipe)  # Opening it for reading waits for ever.

    outcomes = inspect_files(
        [Candidate(good, "a.txt"), Candidate(pipe, "b.txt"), Candidate(good, "c.txt")], Box(seconds=2)
    )

    assert codes(outcomes) == ["text/plain", "inspection-did-not-finish", "text/plain"]


def test_memory_has_an_end(tmp_path: Path) -> None:
    large = make.written(tmp_path, "large", make.picture("PNG", (4000, 4000)))

    (outcome,) = inspect_files([Candidate(large, "a.png")], Box(memory_bytes=120 * 1024**2))

    assert codes([outcome]) == ["inspection-did-not-finish"]


def test_the_box_carries_the_limits(tmp_path: Path) -> None:
    picture = make.written(tmp_path, "p", make.picture())

    (outcome,) = inspect_files([Candidate(picture, "a.png")], Box(limits=Limits(pixels=100)))

    assert codes([outcome]) == ["picture-too-many-pixels"]


def test_the_child_sees_no_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    seen = tmp_path / "seen"
    stand_in(tmp_path, monkeypatch, f"import os; open({str(seen)!r}, 'w').write(str(sorted(os.environ)))")

    inspect_files([Candidate(tmp_path, "a.txt")])

    assert "DATABASE_URL" not in seen.read_text()


def test_a_picture_that_cannot_be_drawn_has_no_preview(tmp_path: Path) -> None:
    path = make.written(tmp_path, "p", make.picture()[:60])

    with pytest.raises(Refused):
        make_preview(path, [480])


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc to see children")
def test_the_child_goes_when_its_parent_is_killed(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    program = (
        "from pathlib import Path; from assets.inspectors.sandbox import *;"
        f"inspect_files([Candidate(Path({str(pipe)!r}), 'a.txt')])"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=Path(__file__).parents[2])
    child = _until(lambda: Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split())[0]
    _until(lambda: "child.py" in Path(f"/proc/{child}/cmdline").read_text())

    parent.send_signal(signal.SIGKILL)
    parent.wait()

    assert _until(lambda: not Path(f"/proc/{child}").exists() or _is_zombie(child))


def _is_zombie(pid: str) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"


def _until(question):  # type: ignore[no-untyped-def]
    """Asks until the answer is true, ten seconds at most."""
    deadline = time.monotonic() + 10
    while not (answer := question()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return answer
