"""Where lines of the gateway's balance come from, behind one port."""
