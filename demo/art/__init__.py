"""Pictures from seeds: the procedural art of the demo's packs, drawn with numpy and Pillow alone."""
