"""The gateway to Stripe: hosted payment pages, kept cards, refunds, disputes, invoices."""
