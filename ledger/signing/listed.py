"""Keys that settings list by name, a few for each use and the oldest first: what HSM and KMS have in common."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from ledger.signing.base import ALGORITHM_OF, Algorithm, Signer, UnableToLoadKey, Use


class ListedKeys(ABC):
    """The keys port over names in settings. A rotation needs no change of them at its moment.

    The next key is listed behind the one that signs, on all machines; then `rotate_key` says in the log that it
    does, and every process follows the log at once.
    """

    algorithms: frozenset[Algorithm]
    setting: str

    def __init__(self, names: Mapping[str, Sequence[str]]) -> None:
        self._names = names

    def offers(self, use: Use) -> bool:
        """See Keys.offers."""
        return ALGORITHM_OF[use] in self.algorithms and bool(self._names.get(use))

    def signer(self, use: Use) -> Signer:
        """Return the key that is listed first."""
        return self.signers(use)[0]

    def signers(self, use: Use) -> list[Signer]:
        """See Keys.signers. The first key listed must be there, or the second would quietly take its place."""
        names = self._listed(use)
        found = [self._find(use, name) for name in names]
        if found[0] is None:
            raise UnableToLoadKey(use, f"{self._missing(names[0])}; {self._advice(use)}")
        return [one for one in found if one is not None]

    def prepare(self, use: Use, *, after: str) -> Signer:
        """See Keys.prepare: the key listed behind that one."""
        names = self._listed(use)
        kids = [one.kid if (one := self._find(use, name)) else None for name in names]
        behind = names[kids.index(after) + 1 :] if after in kids else []
        if not behind:
            raise UnableToLoadKey(use, f"no key is listed behind the one that signs: add one to {self._variable(use)}")
        return self._find(use, behind[0]) or self._make(use, behind[0])

    def select(self, use: Use, kid: str) -> None:  # noqa: B027  # nothing to move
        """See Keys.select: the log alone says which key signs, and settings may drop former keys later."""

    def make(self, use: Use) -> Signer:
        """Return the key listed first, made when it is not there; UnableToLoadKey when it must be made elsewhere."""
        name = self._listed(use)[0]
        return self._find(use, name) or self._make(use, name)

    def _listed(self, use: Use) -> Sequence[str]:
        if ALGORITHM_OF[use] not in self.algorithms:
            raise UnableToLoadKey(use, f"this adapter has no {ALGORITHM_OF[use]}; name another in WORLDLOOM_KEYS_…")
        names = self._names.get(use, ())
        if not names:
            raise UnableToLoadKey(use, f"no setting names it: set {self._variable(use)}")
        return names

    def _variable(self, use: Use) -> str:
        return f"{self.setting}_{use.upper()}"

    def _advice(self, use: Use) -> str:
        return f"make it, or correct {self._variable(use)}"

    @abstractmethod
    def _missing(self, name: str) -> str:
        """Say that no key bears the name, in the middle of a sentence."""

    @abstractmethod
    def _find(self, use: Use, name: str) -> Signer | None:
        """Return the key of that name, None when there is none; UnableToLoadKey when it is of no use."""

    @abstractmethod
    def _make(self, use: Use, name: str) -> Signer:
        """Make the key of that name, or raise UnableToLoadKey saying who can."""
