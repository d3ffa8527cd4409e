"""Uses of recipes: signed by who renders, read strictly, counted once."""
