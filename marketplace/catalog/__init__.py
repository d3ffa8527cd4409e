"""Packs, releases, elements, derivation and search."""
