"""The creator's upload portal and dashboard."""
