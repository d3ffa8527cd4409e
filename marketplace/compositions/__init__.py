"""Recipes: what paints each layer is read, checked, priced, locked, exported, run and metered."""
