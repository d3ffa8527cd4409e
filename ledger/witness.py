"""Be a witness for other logs (c2sp.org/tlog-witness): `python -m ledger.witness --help`. It needs no database."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from ledger.log.checkpoint import UnableToReadNote
from ledger.witnessing.remembering import UnableToServe, Witness
from ledger.witnessing.serving import WitnessServer


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status: 0, or 1 when the witness cannot be used."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (UnableToServe, UnableToReadNote, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ledger.witness", description=__doc__)
    verbs = parser.add_subparsers(required=True)
    init = verbs.add_parser("init", help="make a witness in a new folder")
    init.add_argument("--name", required=True, help="its name for ever, such as witness.example/w1")
    init.set_defaults(run=_init)
    keys = verbs.add_parser("keys", help="print its vkeys, for the policies of logs and those who verify")
    keys.set_defaults(run=_keys)
    add_log = verbs.add_parser("add-log", help="witness a log from now on")
    add_log.add_argument("vkey", help="the log's verifier key; its name is the log's origin")
    add_log.set_defaults(run=_add_log)
    serve = verbs.add_parser("serve", help="answer add-checkpoint requests until interrupted")
    serve.add_argument("--listen", default="127.0.0.1:7380", help="address and port; put a proxy with TLS before it")
    serve.add_argument("--prefix", default="", help="path of the submission prefix, such as /w1")
    serve.set_defaults(run=_serve)
    for verb in (init, keys, add_log, serve):
        verb.add_argument("--state", type=Path, required=True, help="folder of the witness; never restore it")
    return parser


def _init(options: argparse.Namespace) -> None:
    _print_keys(Witness.init(options.state, options.name))


def _keys(options: argparse.Namespace) -> None:
    _print_keys(Witness(options.state))


def _print_keys(witness: Witness) -> None:
    sys.stdout.writelines(f"{key}\n" for key in witness.keys)


def _add_log(options: argparse.Namespace) -> None:
    key = Witness(options.state).add_log(options.vkey)
    sys.stdout.write(f"{key.name} is witnessed from now on.\n")


def _serve(options: argparse.Namespace) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    host, _colon, port = options.listen.rpartition(":")
    if not port.isdigit():
        raise UnableToServe(f"{options.listen} is no address and port")
    with WitnessServer((host.strip("[]") or "127.0.0.1", int(port)), Witness(options.state), options.prefix) as server:
        sys.stdout.write(f"http://{host}:{server.server_port}{options.prefix.rstrip('/')}\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
