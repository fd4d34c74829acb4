"""What the product is measured against. servers.py starts each of them under the product's own conditions."""
