"""`python -m benchmarks [NAME]`: measures every figure, or one."""

import importlib
import pkgutil
import sys

import benchmarks
from benchmarks.figure import Measure


def figures() -> dict[str, Measure]:
    """This will collect the figures of every module beside this one, by name."""
    found: dict[str, Measure] = {}
    for module in sorted(module.name for module in pkgutil.iter_modules(benchmarks.__path__)):
        if module not in ("__main__", "figure"):
            found |= importlib.import_module(f"benchmarks.{module}").FIGURES
    return found


def main(names: list[str]) -> int:
    """This will print a line a figure and give the exit code."""
    known = figures()
    if unknown := sorted(set(names) - set(known)):
        print(f"There is no figure {', '.join(unknown)}; there are: {', '.join(known)}.", file=sys.stderr)
        return 2
    ok = True
    for name in names or known:
        for figure in known[name]():
            print(figure.line(), flush=True)
            ok &= figure.is_ok
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
