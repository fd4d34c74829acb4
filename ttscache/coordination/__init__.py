"""What processes and hosts share: leases, and which hosts are at work."""
