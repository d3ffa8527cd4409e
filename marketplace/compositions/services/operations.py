"""Every write about runs: starting one, and bringing it to its end."""

from marketplace.compositions.services.advancing import advance
from marketplace.compositions.services.planning import UnableToRun
from marketplace.compositions.services.quotas import ServiceOverQuota, TooManyRuns
from marketplace.compositions.services.starting import RunKeyTaken, start_run

__all__ = ["RunKeyTaken", "ServiceOverQuota", "TooManyRuns", "UnableToRun", "advance", "start_run"]
