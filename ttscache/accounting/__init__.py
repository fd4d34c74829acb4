"""What is counted and what it costs: ledger, counters, rollup, prices, budget."""
