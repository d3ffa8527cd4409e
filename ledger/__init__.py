"""Proof: state facts, seal them into the public log, sign it, anchor it on a chain."""
