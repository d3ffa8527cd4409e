"""Who else has published this: fingerprints, the search among them, and the proof of a match."""
