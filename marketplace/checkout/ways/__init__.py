"""An order's whole way, from the card to the banks of those who made what it bought, readable by hand."""
