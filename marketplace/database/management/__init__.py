"""Migrate as the owner of the database, and set what the application may do there."""
