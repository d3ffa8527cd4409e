"""The EVM chain behind one port."""
