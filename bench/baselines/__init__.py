"""Servers that the product is measured against. servers.py starts each of them under the same conditions."""
