"""Counts requests and provider calls, and prices them: ledger, counters, rollup, prices, budget."""
