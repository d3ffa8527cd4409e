"""Every write about recipes: keeping, sharing, locking, masks."""

from marketplace.compositions.keeping import (
    NotYourRecipe,
    UnableToKeepRecipe,
    fork,
    keep,
    rewrite,
    share,
    unshare,
)
from marketplace.compositions.locking import UnableToLock, lock
from marketplace.compositions.masks import UnableToAddMask, add_mask

__all__ = [
    "NotYourRecipe",
    "UnableToAddMask",
    "UnableToKeepRecipe",
    "UnableToLock",
    "add_mask",
    "fork",
    "keep",
    "lock",
    "rewrite",
    "share",
    "unshare",
]
