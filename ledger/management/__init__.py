"""Commands of the ledger for operators."""
