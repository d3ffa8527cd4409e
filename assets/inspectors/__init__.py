"""What each kind of file must be before anybody may see it."""
