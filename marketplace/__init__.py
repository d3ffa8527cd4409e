"""The marketplace: files here wire, folders are apps."""
