"""Ways to send money to creators, behind one port."""
