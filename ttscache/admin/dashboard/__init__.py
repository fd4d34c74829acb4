"""The dashboard: its figures, the lists behind them, and its actions.

page         the context of the page
rows         its charts and tables, row by row
links        the lists behind the numbers
charts       numbers in, path data out                               pure
actions      the CSV, and what the page's buttons do
stale_clips  removes unused clips, after a dry run
making       makes missing and failed clips
"""
