"""Give buyers their money back."""
