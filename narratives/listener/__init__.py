"""The listener's page, and the API that front ends read."""
