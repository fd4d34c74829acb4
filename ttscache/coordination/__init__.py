"""Coordinates processes and hosts: leases, and the list of hosts at work."""
