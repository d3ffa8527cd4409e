"""Statements of creators: what they say, and the same as JSON, CSV and PDF."""
