"""What licenses allow, as data: terms, how they compose, and how they are written elsewhere; no Django in here."""
