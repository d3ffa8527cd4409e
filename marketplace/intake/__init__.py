"""What creators hand in: submissions that are inspected, compared, published or held, and the claims between them."""
