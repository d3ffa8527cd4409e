"""A command on a leash ends with its parent, and takes along all that it forked."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from embedded import leash
from embedded.leash import Leash, UnableToLeash

HOME = Path(leash.__file__).resolve().parents[1]
# Forks two workers, one of them with a child of its own that does not care for SIGTERM, and says their numbers.
FAMILY = """
import os, signal, sys, time
def born():
    os.write(1, f"{os.getpid()}\\n".encode())  # in one piece: the others write as well
born()
if os.fork() == 0:
    born()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        born()
elif os.fork() == 0:
    born()
time.sleep(600)
"""
PARENT = """
import sys, time
from pathlib import Path
from embedded.leash import Leash
leashed = Leash.start("family", [sys.executable, "-c", sys.argv[1]], log=Path(sys.argv[2]), grace_seconds=0.2)
print(leashed.pid, flush=True)
time.sleep(600)
"""


def _born(log: Path) -> list[int]:
    """Process numbers in the log, once all four are there."""
    words = log.read_text().split() if log.exists() else []
    return [int(word) for word in words] if len(words) == 4 else []


def _living(numbers: list[int], commands) -> list[int]:
    known = commands()
    return [number for number in numbers if "time.sleep(600)" in known.get(number, "")]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "family.log"


def test_stop_ends_the_family_and_kills_who_does_not_listen(log, until, commands):
    family = Leash.start("family", [sys.executable, "-c", FAMILY], log=log)
    born = until(lambda: _born(log))
    assert born[0] == family.pid
    assert family.poll() is None
    assert len(_living(born, commands)) == 4
    assert family.stop(grace_seconds=0.2) == 128 + signal.SIGTERM
    assert _living(born, commands) == []
    assert family.poll() == 128 + signal.SIGTERM


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_family_ends_with_the_parent(log, until, commands, number):
    parent = subprocess.Popen([sys.executable, "-c", PARENT, FAMILY, log], cwd=HOME, stdout=subprocess.PIPE, text=True)
    born = until(lambda: _born(log))
    assert len(_living(born, commands)) == 4
    parent.send_signal(number)
    parent.wait()
    until(lambda: _living(born, commands) == [])
    parent.stdout.close()


def test_the_family_ends_with_a_command_that_ends_by_itself(log, until, commands):
    script = "sleep 600 & echo $!; exit 7"
    shell = Leash.start("shell", ["sh", "-c", script], log=log)
    assert until(lambda: shell.poll() is not None)
    assert shell.poll() == 7
    assert "sleep" not in commands().get(int(log.read_text()), "")
    assert shell.stop() == 7


def test_a_killed_leash_is_noticed_and_the_command_ended(log, until, commands):
    family = Leash.start("family", [sys.executable, "-c", FAMILY], log=log)
    born = until(lambda: _born(log))
    os.kill(family._process.pid, signal.SIGKILL)
    until(lambda: family.poll() is not None)
    assert family.poll() == 128 + signal.SIGKILL
    until(lambda: _living(born, commands) == [])


def test_a_fork_of_the_parent_does_not_hold_the_leash(log, until, commands):
    script = PARENT.replace("print(leashed.pid", "os.fork(); print(leashed.pid").replace("import sys", "import os, sys")
    parent = subprocess.Popen([sys.executable, "-c", script, FAMILY, log], cwd=HOME, stdout=subprocess.PIPE, text=True)
    born = until(lambda: _born(log))
    said = [parent.stdout.readline() for _ in range(2)]
    assert said[0] == said[1]
    parent.kill()
    parent.wait()
    until(lambda: _living(born, commands) == [])
    for number, command in commands().items():
        if PARENT[-30:] in command and str(log) in command:
            os.kill(number, signal.SIGKILL)
    parent.stdout.close()


def test_environment_folder_and_output_are_as_asked(tmp_path, log, until):
    script = "import json, os, sys; print(json.dumps([os.getcwd(), os.environ['WORD'], sys.stdin.read()]))"
    asked = {"PATH": os.defpath, "WORD": "织界"}
    command = Leash.start("echo", [sys.executable, "-c", script], env=asked, cwd=tmp_path, log=log)
    assert until(lambda: command.poll() is not None) is True
    assert command.poll() == 0
    assert json.loads(log.read_text()) == [str(tmp_path), "织界", ""]


def test_what_cannot_be_started_is_said_in_one_sentence(tmp_path, log):
    with pytest.raises(UnableToLeash) as refusal:
        Leash.start("web", [tmp_path / "missing"], log=log)
    assert str(refusal.value) == f"web could not be started: No such file or directory: {tmp_path / 'missing'}."
    with pytest.raises(UnableToLeash) as refusal:
        Leash.start("web", ["true"], cwd=tmp_path / "nowhere", log=log)
    assert str(refusal.value) == f"web could not be started: No such file or directory: {tmp_path / 'nowhere'}."
