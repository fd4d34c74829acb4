"""The numbers that staff see: one function for each question, with its formula in the docstring.

scope            which days, which voice, by requests or by money
requests         how clips were asked for: hit rates, where sound came from, how long it took
time_to_sound    how long people waited in their browsers
costs            spending, and what it would have been without the cache
storage          coverage, bytes, growth; clips never heard
most_heard       the reflections that are heard most
background_work  runs, queue, provider errors
action_items     what staff should look at
report           all figures of one scope, for the page and for the CSV
csv_export       the report as lines of a CSV
percentiles      from counts by latency bucket                       pure
time_steps       groups by steps of time, in the database
cached           results of slow queries, refreshed now and then
"""
