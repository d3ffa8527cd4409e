"""A small play, and the demo that plays it: `python -m tests.demo.small [--check] [--port N]`."""

import sys
from pathlib import Path

from demo.worlds.contents import Pack
from tests import packs

PARENT = [("alice/yunhai@1.0.0", 200_000_000)]
PACKS = (Pack("alice", "yunhai", {}), Pack("bob", "ink", {}))


def small_play() -> None:
    """Makes the demo's play one of two packs, one derived from the other, a purchase of each kind, and a recipe."""
    from django.conf import settings

    import demo.play
    from demo.play import DECLINED, DISPUTED, Purchase, Woven

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    alice, bob, *_others, carol, dave = demo.play.CAST
    demo.play.CAST = (alice, bob, carol, dave)
    demo.play.PACKS = PACKS
    demo.play.PURCHASES = (
        Purchase(carol.email, ("alice/yunhai", "bob/ink"), "studio"),
        Purchase(dave.email, ("bob/ink",), "studio", DECLINED),
        Purchase(dave.email, ("bob/ink",), "studio", DISPUTED),
        Purchase(dave.email, ("alice/yunhai",), "enterprise"),
    )
    demo.play.RECIPES = (Woven(carol.email, "Night", "| sea: waves @ alice/yunhai\n- style: ink @ bob/ink\n"),)


def drawn(pack: Pack) -> Path:
    """Writes a pack's folder."""
    from django.conf import settings

    number = PACKS.index(pack)
    return packs.write(
        Path(settings.DATA_FOLDER) / "worlds" / pack.handle,
        handle=pack.handle,
        kind="style" if number else "world",
        seed=number + 1,
        parents=PARENT if number else (),
        offers=(("studio", "100.01", "USD"), ("personal" if number else "enterprise", "0", "USD")),
    )


def main(words: list[str]) -> int:
    """Runs the demo with the small play; all else is as people get it."""
    import demo.__main__
    import demo.house

    class SmallHouse(demo.house.House):
        def prepare(self, stack):  # type: ignore[no-untyped-def]
            super().prepare(stack)
            small_play()

        def drawn(self, pack: Pack) -> Path:
            return drawn(pack)

        def _draw_ahead(self) -> None:
            pass

    demo.house.House = SmallHouse  # type: ignore[misc]
    return demo.__main__.main(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
