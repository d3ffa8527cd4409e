"""What a hostile file is to the tests."""

from typing import NamedTuple

RLO = "\u202e"


class Hostile(NamedTuple):
    """A file named for its trick, the name it is sent under, and the code of the one finding that refuses it."""

    trick: str
    name: str
    code: str
    data: bytes
