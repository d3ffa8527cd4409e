"""The verifiable index: from a key to the entries about it, committed into the log (docs/formats/index.md)."""
