"""The staff's first page: its figures, the lists behind them, and what can be done from there.

page         what the page shows
rows         its charts and tables, row by row
links        the lists behind the numbers
charts       numbers in, path data out                               pure
actions      the CSV, and what the page's buttons do
stale_clips  removing what nobody asks for
making       having missing and failed clips made
"""
