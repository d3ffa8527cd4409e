"""Who may do what in the database: its owner, who migrates, and the role that the application runs as."""
