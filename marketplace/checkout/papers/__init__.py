"""Invoices, receipts and credit notes: numbered without gaps, frozen as JSON, and set as PDF from that alone."""
