"""`python -m demo [--check] [--port N]`: everything on one machine, and nothing left running."""

import argparse
import contextlib
import fcntl
import os
import socket
import sys
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path

from demo.terminal import Interrupted, Progress, own_terminal, stay_with_parent, stop_in_order, stop_undisturbed

HOME = Path(__file__).resolve().parent.parent
STOP_SECONDS = 30
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
# The sandbox settles at once, so that the first day shows a whole life of a sale. Real money waits (docs/operate.md).
os.environ.setdefault("WORLDLOOM_PAYOUT_HOLD_DAYS", "0")
os.environ.setdefault("WORLDLOOM_PAYOUT_SCHEDULE", "always")
os.environ.setdefault("WORLDLOOM_SANDBOX_DISPUTE_AFTER_MINUTES", "0")


class Refused(Exception):
    """The demo cannot run as things are; the text says what to do."""


def main(words: list[str]) -> int:
    """This will run the demo until Ctrl-C, or with --check until its outcome is proven; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make demo", description="Worldloom on one machine.")
    parser.add_argument("--check", action="store_true", help="assert the outcome, stop, and say `demo ok: …`")
    parser.add_argument("--port", type=_port_number, help="port of the web server (8000; with --check a free one)")
    parser.add_argument("--with-parent", action="store_true", help="stop when the process that started this one ends")
    options = parser.parse_args(words)
    data = Path(os.environ.get("WORLDLOOM_DATA", HOME / ".data")).resolve()
    progress = Progress(sys.stdout)
    stop_in_order()
    if options.with_parent:
        stay_with_parent()
    with own_terminal():
        return _until_stopped(options, data, progress)


def _port_number(text: str) -> int:
    if text.isascii() and text.isdigit() and 0 < int(text) < 65536:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no port: use a number from 1 to 65535")


def _until_stopped(options: argparse.Namespace, data: Path, progress: Progress) -> int:
    """Runs the demo and takes it down again, whatever happens; each end has its one sentence."""
    stack = contextlib.ExitStack()
    said, code = "", 0
    try:
        said = _run(options, data, stack, progress)
    except (KeyboardInterrupt, Interrupted):
        said = "Stopped. Nothing is left running; `make demo` continues with the same data."
        code = 130 if options.check else 0
    except Refused as error:
        said, code = f"demo failed: {error}", 1
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (for what is left of the process)
        code = 1
    except Exception as error:
        said, code = _sentence(error, data, progress.step), 1
    stop_undisturbed()
    progress.end(finished=not code and not said.startswith("Stopped"))
    try:
        stack.close()
    except Exception as error:
        said, code = _sentence(error, data, "stopping"), 1
    print(said, file=sys.stderr if code == 1 else sys.stdout, flush=True)
    return code


def _sentence(error: Exception, data: Path, step: str) -> str:
    """Gives one line about an error; the rest of it goes into the log."""
    log = data / "logs" / "demo.log"
    with contextlib.suppress(OSError):
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "a", encoding="utf-8") as file:
            file.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%SZ} the demo failed at “{step or 'the start'}”\n")
            file.write("".join(traceback.format_exception(error)))
    why = " ".join(str(error).split()) or type(error).__name__
    known = type(error).__module__.split(".")[0] in {"demo", "embedded", "assets", "ledger", "marketplace"}
    if not known:
        why = f"{type(error).__name__}: {why}"
    return f"demo failed at “{step or 'the start'}”: {why.rstrip('.')} (log: {log})."


def _run(options: argparse.Namespace, data: Path, stack: contextlib.ExitStack, progress: Progress) -> str:
    """Brings everything up and plays; returns the last line of a check, else stays until something ends."""
    started = time.monotonic()
    parts_lock = _alone(data, stack, progress)
    port = _port(options)
    base = f"http://127.0.0.1:{port}"
    os.environ.setdefault("WORLDLOOM_URL", base)
    from demo.house import House

    house = House(data, progress, parts_lock)
    stack.callback(house.stop)
    house.prepare(stack)
    from demo.play import outcome, play

    for step in play(drawn=house.drawn):
        progress(step)
    found = outcome()
    house.serve(port)
    if not options.check:
        progress.end()
        _welcome(port, found.line())
        raise Refused(house.wait())
    from demo.check import check

    progress("checking the outcome")
    check(base=base, found=found)
    progress("stopping")
    stack.close()
    return f"demo ok: {found.line()} in {time.monotonic() - started:.1f} s"


def _alone(data: Path, stack: contextlib.ExitStack, progress: Progress) -> int:
    """Takes the demo's locks, or refuses; returns the descriptor of the one that each part of the house inherits.

    The first lock goes with this process. The second is held by its parts as well: after a kill -9 they need a
    moment to end, and nothing may start before.
    """
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        whole = stack.enter_context((data / "demo.lock").open("w"))
        parts = stack.enter_context((data / "demo.parts.lock").open("w"))
    except OSError as error:
        raise Refused(f"{data} cannot be used ({error.strerror}): set WORLDLOOM_DATA to another folder.") from None
    try:
        fcntl.flock(whole, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Refused(f"another demo runs on {data}: stop it first, or set WORLDLOOM_DATA to another folder.") from None
    deadline = time.monotonic() + STOP_SECONDS
    while True:
        try:
            fcntl.flock(parts, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return parts.fileno()
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise Refused(f"processes of the last demo on {data} do not end: end them first.") from None
        if not progress.step:
            progress("waiting for the rest of a demo that was killed")
        time.sleep(0.05)


def _port(options: argparse.Namespace) -> int:
    wanted = options.port if options.port is not None else (0 if options.check else 8000)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError as error:
            other = wanted + 1 if wanted < 65535 else 8000
            raise Refused(
                f"port {wanted} cannot be used ({error.strerror}): stop what uses it, or run `make demo PORT={other}`."
            ) from None
        return int(probe.getsockname()[1])


def _welcome(port: int, line: str) -> None:
    from demo.play import CAST, PASSWORD

    base = f"http://127.0.0.1:{port}"
    print(f"\nWorldloom 织界 runs at {base}/  ({line})\n")
    print(f"  Sign in with the password {PASSWORD} as")
    for role in CAST:
        does = f"sells as {role.handle}" if role.handle else f"buys for {role.studio}"
        print(f"    {role.email:<20} {role.name}, {does}")
    print()
    for name, path in (("Browse", "/browse"), ("Sell", "/portal/"), ("Verify", "/verify"), ("The log", "/log/")):
        print(f"  {name:<8} {base}{path}")
    print(f"  {'API':<8} {base}/api/v1/schema")
    print("\n  Test cards: 4242 4242 4242 4242 pays, 4000 0000 0000 0002 is declined.")
    print("  Ctrl-C stops everything.\n", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
