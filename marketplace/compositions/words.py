"""The codes and the sentences of what is found in a recipe once its packs are looked for."""
