"""The portal's pages: what selling means, publish, earnings, one pack."""
