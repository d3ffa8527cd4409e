"""Settle the creators and check the books."""
