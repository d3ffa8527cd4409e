"""Hypothesis plays with the books: many histories of whatever may happen, or the same ones of some of it each time."""

from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as with_seed
from hypothesis.stateful import RULE_MARKER, precondition, rule, run_state_machine_as_test

from tests.payouts.machine.beginnings import as_usual
from tests.payouts.machine.play import Play


def play(histories, steps, proven_every=1):
    """Lets Hypothesis play; the rules and invariants of Play assert, and a history that breaks one is raised.

    `check_books` is asked after every so many steps, and in the end.
    """
    for _history in range(histories):
        _play(type("Play", (Play,), {"proven_every": proven_every}), steps)


def play_among(rules, seed, histories, steps, begins=as_usual):
    """Lets only some things happen, in the same histories each time, and raises the first that breaks as it is.

    All is compared as ever; `check_books` is asked after every fifth step and in the end.
    """
    all_rules = {name: method for name, method in vars(Play).items() if hasattr(method, RULE_MARKER)}
    chosen = {name: _together(method) if name in rules else _no_rule(method) for name, method in all_rules.items()}
    machine = type("Play", (Play,), {**chosen, "beginnings": (begins,), "proven_every": 5})
    for number in range(histories):
        _play(with_seed(seed + number)(machine), steps, database=None, phases=(Phase.generate,))


def _no_rule(method):
    """Returns the method as one that Hypothesis does not choose."""
    return lambda *args, **named: method(*args, **named)


def _together(method):
    """Returns the rule under a name that it shares: Hypothesis leaves some of a machine's rules out, by their names."""

    def step(*args, **named):
        method(*args, **named)

    marker = getattr(method, RULE_MARKER)
    together = rule(**marker.arguments)(step)
    for condition in marker.preconditions:
        together = precondition(condition)(together)
    return together


def _play(machine, steps, **more):
    """Plays one history. Asked for many, Hypothesis changes each a little, and most have nearly the same steps."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=1,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
            **more,
        ),
    )
