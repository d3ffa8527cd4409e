"""Writes about bytes that are here: receive, admit, preview, sweep; operations.py is the way in."""
