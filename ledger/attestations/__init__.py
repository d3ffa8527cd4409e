"""What outsiders' tools check: signatures and receipts in other people's formats, made from what the log holds."""
