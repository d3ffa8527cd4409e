"""Holding the books against the gateway's own lines of our balance: what both know, what only one of us knows."""
