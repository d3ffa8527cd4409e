"""Taxes on orders: who sells, where the buyer is, and what is due; the port to who knows, and its adapters."""
