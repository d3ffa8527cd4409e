"""Witnesses: who else vouches that the log only grows, and how we vouch for the logs of others."""
