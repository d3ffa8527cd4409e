#!/usr/bin/env python
"""This will run one management command, on the embedded PostgreSQL when no DATABASE_URL is given."""

import contextlib
import os
import sys
from pathlib import Path


def main() -> None:
    """This will hold the embedded database for as long as the command runs."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
    from django.core.management import execute_from_command_line

    with contextlib.ExitStack() as stack:
        if not os.environ.get("DATABASE_URL") and sys.argv[1:2] not in (["help"], ["--help"], ["--version"]):
            from embedded.postgres import ensure_database, server

            home = Path(__file__).resolve().parent
            folder = Path(os.environ.get("WORLDLOOM_DATA", home / ".data")).resolve() / "postgres"
            ensure_database(stack.enter_context(server(folder)), "worldloom")
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
