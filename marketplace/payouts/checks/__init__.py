"""Who a creator is, and whether they may be paid at all: checks of identity and of sanctions, and who makes them."""
