"""How the service is doing: health, inventory, lifetime totals, Prometheus metrics, alerts."""
