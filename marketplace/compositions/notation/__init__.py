"""The text of a recipe as data, and back; no Django in here (docs/formats/recipe.md)."""
