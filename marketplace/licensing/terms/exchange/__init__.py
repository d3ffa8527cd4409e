"""Terms in other people's words: read from their licenses, written as theirs, with every loss named; no Django here."""
