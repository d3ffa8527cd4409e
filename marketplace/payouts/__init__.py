"""Splits, books, royalties and settlement; knows nothing of packs."""
