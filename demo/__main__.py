"""`python -m demo [--check] [--port N]`: everything on one machine, and nothing left running."""

import argparse
import contextlib
import fcntl
import os
import signal
import socket
import sys
import time
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
# The sandbox settles at once, so that the first day shows a whole life of a sale. Real money waits (docs/operate.md).
os.environ.setdefault("WORLDLOOM_PAYOUT_HOLD_DAYS", "0")
os.environ.setdefault("WORLDLOOM_SANDBOX_DISPUTE_AFTER_MINUTES", "0")


def main(argv: list[str]) -> int:
    """This will run the demo until Ctrl-C, or with --check until its outcome is proven."""
    parser = argparse.ArgumentParser(prog="make demo", description="Worldloom on one machine.")
    parser.add_argument("--check", action="store_true", help="assert the outcome, stop, and say `demo ok: …`")
    parser.add_argument("--port", type=int, help="port of the web server (8000; with --check a free one)")
    options = parser.parse_args(argv)
    # SIGTERM and SIGHUP unwind like Ctrl-C, so that every stop takes the same way down.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    started = time.monotonic()
    try:
        with contextlib.ExitStack() as stack:
            return _run(options, stack, started)
    except KeyboardInterrupt:
        print("\nStopped. Nothing is left running; `make demo` continues with the same data.")
        return 130 if options.check else 0
    except Failed as error:
        print(f"\ndemo failed: {error}", file=sys.stderr)
        return 1


class Failed(Exception):
    """The demo did not come out as it must."""


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _run(options: argparse.Namespace, stack: contextlib.ExitStack, started: float) -> int:
    data = Path(os.environ.get("WORLDLOOM_DATA", HOME / ".data")).resolve()
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    _alone(data, stack)
    port = _port(options)
    os.environ.setdefault("WORLDLOOM_URL", f"http://127.0.0.1:{port}")
    from demo import house

    house.prepare(data, stack, _say)
    from demo.play import outcome, play

    for step in play(folder=data / "demo-worlds"):
        _say(step)
    found = outcome()
    server = house.serve(data, port, stack, _say)
    if not options.check:
        _welcome(port, found.line())
        server.wait()
        raise Failed("The web server or the worker ended by itself; see .data/logs/.")
    from demo.check import check

    _say("checking the outcome")
    check(base=f"http://127.0.0.1:{port}", found=found)
    stack.close()
    print(f"demo ok: {found.line()} in {time.monotonic() - started:.1f} s")
    return 0


def _alone(data: Path, stack: contextlib.ExitStack) -> None:
    """Takes the demo's lock, or says that another demo has it."""
    lock = stack.enter_context(open(data / "demo.lock", "w"))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Failed(f"Another demo runs on {data}: stop it first, or set WORLDLOOM_DATA to another folder.") from None


def _port(options: argparse.Namespace) -> int:
    wanted = options.port if options.port is not None else (0 if options.check else 8000)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            raise Failed(f"Port {wanted} is taken: stop what uses it, or run `make demo PORT=8001`.") from None
        return int(probe.getsockname()[1])


_steps = iter(range(1, 1000))
_clock = time.monotonic()


def _say(text: str) -> None:
    print(f"  {next(_steps):>2}  {time.monotonic() - _clock:6.1f} s  {text}", flush=True)


def _welcome(port: int, line: str) -> None:
    from demo.play import CAST, PASSWORD

    print(f"\nWorldloom 织界 runs at http://127.0.0.1:{port}/  ({line})\n")
    print(f"  Sign in with the password {PASSWORD} as")
    for role in CAST:
        print(
            f"    {role.email:<20} {role.name}  {'sells as ' + role.handle if role.handle else 'buys for ' + role.studio}"
        )
    print(f"\n  Browse   http://127.0.0.1:{port}/browse")
    print(f"  Verify   http://127.0.0.1:{port}/verify")
    print(f"  API      http://127.0.0.1:{port}/api/v1/schema")
    print(f"  The log  http://127.0.0.1:{port}/log/checkpoint")
    print("\n  Test cards: 4242 4242 4242 4242 pays, 4000 0000 0000 0002 is declined.")
    print("  Ctrl-C stops everything.\n", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
