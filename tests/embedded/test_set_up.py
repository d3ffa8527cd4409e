"""Setting up a checkout: what is pinned names no host, and what is missing is said in one sentence."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from embedded import environment, frontend

HOME = Path(frontend.__file__).resolve().parents[1]


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_python_pins_have_hashes_and_no_host(name):
    text = (HOME / name).read_text()
    pins = re.findall(r"^[a-z0-9].*", text, re.MULTILINE)
    assert len(pins) > 20
    assert [pin for pin in pins if not re.match(r"\S+==\S+ (; .*)?\\$", pin)] == []
    assert text.count(" \\\n    --hash=sha256:") >= len(pins)
    assert re.findall(r".*(?:://|--index-url|--find-links).*", text) == []


def test_what_is_installed_for_tests_includes_what_runs_in_the_same_version():
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^([a-z0-9]\S+==\S+)", (HOME / name).read_text(), re.MULTILINE))

    assert pins("requirements.txt") - pins("requirements-dev.txt") == set()


def test_front_end_pins_are_exact_with_hashes_and_no_host():
    asked = json.loads((HOME / "package.json").read_text())
    locked = json.loads((HOME / "package-lock.json").read_text())["packages"]
    wanted = asked["dependencies"] | asked["devDependencies"]
    found = {name.removeprefix("node_modules/"): one for name, one in locked.items() if name}
    assert {name: found[name]["version"] for name in wanted} == wanted
    # Nothing comes along that no package asks for.
    needed = set(wanted) | {name for one in found.values() for name in one.get("dependencies", {})}
    assert set(found) == needed
    assert all(one["integrity"].startswith("sha512-") for one in found.values())
    assert not any("resolved" in one for one in found.values())


def test_an_unchanged_lock_costs_nothing_and_a_changed_one_brings_the_files_anew(tmp_path, monkeypatch):
    def install(root: Path, log: Path) -> None:
        installed.append(root)
        for source in frontend.FILES:
            (root / "node_modules" / source).parent.mkdir(parents=True, exist_ok=True)
            (root / "node_modules" / source).write_text(f"{len(installed)} {source}")

    installed: list[Path] = []
    monkeypatch.setattr(frontend, "_install", install)
    lock = tmp_path / "package-lock.json"
    lock.write_text("{}")
    assert [frontend.ensure(tmp_path), frontend.ensure(tmp_path)] == [True, False]
    (tmp_path / "build/vendor/vendor/of-before.js").write_text("")
    lock.write_text("{ }")
    assert [frontend.ensure(tmp_path), frontend.ensure(tmp_path)] == [True, False]
    assert len(installed) == 2
    vendor = tmp_path / "build/vendor/vendor"
    assert (vendor / "htmx.min.js").read_text() == "2 htmx.org/dist/htmx.min.js"
    assert sorted(path.suffix for path in vendor.iterdir()) == (
        [".css"] * 10 + [".js"] * 2 + [".map"] + [".txt"] * 5 + [".woff2"] * 2
    )
    assert (tmp_path / "build/dev/axe.min.js").is_file()
    assert sorted(path.name for path in (tmp_path / "build/fonts").glob("*.ttf")) == [
        *("NotoSans-Regular.ttf", "NotoSans-SemiBold.ttf", "NotoSansSC-Regular.ttf", "NotoSansSC-SemiBold.ttf")
    ]


def test_packages_that_cannot_be_installed_are_said_with_the_log(tmp_path, monkeypatch):
    (tmp_path / "package-lock.json").write_text("{}")
    monkeypatch.setattr(
        frontend, "_npms", lambda: [[sys.executable, "-c", "print('npm error network'); raise SystemExit(1)"]]
    )
    with pytest.raises(frontend.UnableToInstall) as refusal:
        frontend.ensure(tmp_path)
    log = tmp_path / "build" / "frontend.log"
    assert str(refusal.value) == (
        f"The front-end packages of package.json could not be installed: network (log: {log})."
    )
    assert not (tmp_path / "build" / "vendor").exists()


@pytest.mark.parametrize(
    ("lacking", "said"),
    [
        ("sys.version_info = (3, 9, 2)", r"Worldloom needs Python 3\.11 or newer and \S+ is Python 3\.9: .*"),
        ("importlib.util.find_spec = lambda name: None", r"\S+ cannot make virtual environments, .*python3-venv.*"),
    ],
)
def test_a_python_that_does_not_do_is_refused_in_one_sentence(tmp_path, lacking, said):
    (tmp_path / "embedded").mkdir()
    script = shutil.copy(environment.__file__, tmp_path / "embedded")
    run = f"import importlib.util, runpy, sys; {lacking}; runpy.run_path({str(script)!r}, run_name='__main__')"
    ended = subprocess.run(
        [sys.executable, "-c", run, "requirements.txt", "stamp"],
        env={"PATH": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert re.fullmatch(said + r"\n", ended.stderr)
    assert not (tmp_path / ".venv").exists()


def test_an_installation_that_was_killed_starts_anew(tmp_path, monkeypatch):
    (tmp_path / "requirements.txt").write_text("all")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "half a package").touch()
    did = []
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(environment, "_UNFINISHED", tmp_path / "build" / "unfinished")
    monkeypatch.setattr(environment, "_works", lambda python: (tmp_path / ".venv").is_dir())
    monkeypatch.setattr(environment, "_make_venv", lambda: (did.append("make"), (tmp_path / ".venv").mkdir()))
    monkeypatch.setattr(sys, "argv", ["", str(tmp_path / "requirements.txt"), str(tmp_path / ".venv" / "stamp")])

    def killed(requirements):
        raise KeyboardInterrupt

    monkeypatch.setattr(environment, "_install", killed)
    with pytest.raises(KeyboardInterrupt):
        environment.main()
    monkeypatch.setattr(environment, "_install", lambda requirements: did.append("install"))
    for _ in range(2):
        environment.main()

    assert did == ["make", "install"]
    assert [path.name for path in (tmp_path / ".venv").iterdir()] == ["stamp"]
