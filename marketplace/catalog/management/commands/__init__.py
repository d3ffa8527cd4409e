"""Tokens of releases."""
