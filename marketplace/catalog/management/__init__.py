"""Commands for whoever runs Worldloom."""
