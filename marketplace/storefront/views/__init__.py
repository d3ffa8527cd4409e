"""One view, one verb: parse, ask or do one thing, translate the answer."""
