"""Orders and payments: rights and money together, or neither."""
