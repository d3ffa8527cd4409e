"""Everything between a card and a bank, with whatever can go wrong on the way."""
