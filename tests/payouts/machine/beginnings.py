"""What was before a history begins, where chance would take long to come: each is played as the rest is."""


def as_usual(play):
    """Some money is available, some is in its hold period."""


def paid(play):
    """What was available was paid, so that whatever is taken back of it is owed."""
    play.settle(faults=[])


def owing(play):
    """Everybody was paid, then buyers were refunded, and a third of what is released from now on is kept back."""
    play.set_policy(who=None, currency="", hold=3, reserve=(333_333_333, 30), threshold=1, schedule=("always", 0))
    play.settle(faults=[])
    for _sale in range(3):
        play.refund(which=6, amount=33)  # the next released sale in dollars: in these more is about to be released


def paid_weekly(play):
    """The house pays on Tuesdays, and has just paid."""
    play.set_policy(who=None, currency="", hold=0, reserve=(0, 0), threshold=1, schedule=("weekly", 2))
    play.settle(faults=[])


def risky(play):
    """Everybody is at the second level of risk; the first holds longer, the second keeps a third for longer still."""
    play.set_risk_level(number=1, below=400, hold=25, reserve=(0, 0))
    play.set_risk_level(number=2, below=400, hold=5, reserve=(333_333_333, 30))


BEGINNINGS = (as_usual, paid, owing, paid_weekly, risky)
