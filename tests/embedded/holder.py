"""A process that holds the server of a folder until its standard input ends. Run by the tests beside it.

It prints one JSON line: {"url": …} once the server is up, {"refused": …} when it could not be had.
"""

import json
import sys
from pathlib import Path

from embedded.postgres import UnableToStart, server

try:
    with server(Path(sys.argv[1]), durable=sys.argv[2] == "durable") as held:
        print(json.dumps({"url": held.url("postgres")}), flush=True)
        sys.stdin.read()
except UnableToStart as error:
    print(json.dumps({"refused": str(error)}), flush=True)
