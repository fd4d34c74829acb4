"""One clip made once, however many ask for it."""
