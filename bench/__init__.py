"""Measures the product side by side with a baseline in the same run. README.md explains each row."""
