"""Evidence against disputes: what a buyer's bank is shown, made from facts, hashed, kept and sent once."""
