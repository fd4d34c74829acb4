"""Delivers clips as HTTP responses, and meters them."""
