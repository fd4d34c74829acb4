"""The form of the lines in the log, and what stays out of them."""
