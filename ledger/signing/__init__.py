"""Keys behind one port: who signs what, and where the private half lives."""
