"""What README and docs/operate.md promise is so: commands, targets, links, addresses and settings."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from django.core.management import get_commands
from django.test import Client

HOME = Path(__file__).resolve().parents[2]
READMES = ("README.md", "README.zh-Hans.md")
PAGES = (*READMES, *sorted(str(path.relative_to(HOME)) for path in (HOME / "docs").rglob("*.md")))
_PLACEHOLDER = re.compile(r"<[^>]*>")


def text_of(name: str) -> str:
    return (HOME / name).read_text(encoding="utf-8")


def commands(name: str) -> list[str]:
    """The lines of the shell blocks, without their comments; a placeholder in any language reads `<…>`."""
    blocks = re.findall(r"```sh\n(.*?)```", text_of(name), re.DOTALL)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [_PLACEHOLDER.sub("<…>", line) for line in lines if line]


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(words, cwd=HOME, capture_output=True, text=True, check=False, timeout=120)


def test_both_languages_show_the_same_commands() -> None:
    english, chinese = (commands(name) for name in READMES)
    assert english == chinese
    assert "make demo" in english
    assert "make test" in english


def test_both_languages_name_the_same_targets() -> None:
    english, chinese = (set(re.findall(r"`([^`]+)`", text_of(name))) for name in READMES)
    targets = set(re.findall(r"^([a-z-]+):.*##", text_of("Makefile"), re.MULTILINE))
    assert english & targets == chinese & targets
    assert {word.removeprefix("make ") for word in english if word.startswith("make ")} - {"demo CHECK=1"} <= targets


@pytest.mark.parametrize(
    ("target", "runs"),
    [
        (("demo",), r"-m demo --with-parent\s*$"),
        (("demo", "CHECK=1"), r"-m demo --with-parent --check\s*$"),
        (("demo", "PORT=8001"), r"-m demo --with-parent\s+--port 8001\s*$"),
        (("test",), r"-m pytest -n 2 --dist worksteal -m \"not deep\""),
        (("bench", "ONLY=demo-warm"), r"-m benchmarks demo-warm\s*$"),
        (("lint",), r"check --deploy"),
        (("clean",), r"rm -rf .data build"),
    ],
)
def test_a_target_runs_what_it_promises(target: tuple[str, ...], runs: str) -> None:
    shown = run("make", "--no-print-directory", "-n", *target)
    assert shown.returncode == 0, shown.stderr
    assert re.search(runs, shown.stdout, re.MULTILINE)


def test_help_lists_every_target() -> None:
    shown = run("make", "help").stdout
    for target in ("demo", "test", "lint", "bench", "clean"):
        assert f"make {target} " in shown


@pytest.mark.parametrize("name", PAGES)
def test_every_link_to_a_file_leads_there(name: str) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", text_of(name))
    missing = [link for link in links if not urlsplit(link).scheme and not (HOME / name).parent.joinpath(link).exists()]
    assert missing == []


@pytest.mark.django_db
@pytest.mark.parametrize("line", [line for line in commands("README.md") if line.startswith("curl ")])
def test_the_addresses_answer(line: str) -> None:
    parts = urlsplit(shlex.split(line)[-1])
    answer = Client(SERVER_NAME="127.0.0.1").get(f"{parts.path}?{quote(parts.query, safe='=&')}")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("application/json")


def test_verify_says_what_is_missing(tmp_path: Path) -> None:
    said = run(sys.executable, "-m", "ledger.verify", str(tmp_path / "missing.zip"))
    assert said.returncode != 0
    assert "Traceback" not in said.stderr
    assert said.stderr.splitlines()[-1] == f"verify: error: there is no {tmp_path / 'missing.zip'}"


@pytest.mark.parametrize("command", ["publish"])
def test_manage_commands_explain_themselves(command: str) -> None:
    said = run(sys.executable, "manage.py", command, "--help")
    assert said.returncode == 0
    assert "--as" in said.stdout


def test_terms_are_read_as_the_readme_says() -> None:
    [line] = [line for line in commands("README.md") if " terms import " in line]
    said = run(sys.executable, *shlex.split(line)[1:])
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout)["commercial"] == "none"


def test_the_commands_of_the_handbook_are_there() -> None:
    shown = set(re.findall(r"manage\.py ([a-z_]+)", text_of("docs/operate.md")))
    assert {"migrate", "chain_deploy", "ledger_seal", "settle"} <= shown
    assert shown <= set(get_commands())


def test_the_handbook_names_every_setting_and_no_other() -> None:
    settings = text_of("marketplace/settings.py")
    read = set(re.findall(r"\"((?:WORLDLOOM|TEST_DATABASE|DATABASE)_[A-Z_]+)\"", settings))
    named = set(re.findall(r"^\| `([A-Z_]+)` \|", text_of("docs/operate.md"), re.MULTILINE))
    assert len(read) > 20
    assert named == read


def test_the_handbook_names_every_warning() -> None:
    given = set(re.findall(r"worldloom\.W\d+", text_of("marketplace/checks.py")))
    assert given == set(re.findall(r"`(worldloom\.W\d+)`", text_of("docs/operate.md")))
