"""What staff are told in numbers: one function for each question, its formula in its docstring.

scope            which days, which voice, by requests or by money
requests         how clips were asked for: hit rates, where sound came from, how long it took
time_to_sound    how long people waited in their browsers
costs            spent, and what it would have been without the cache
storage          coverage, bytes, growth; clips that nobody ever heard
most_heard       the reflections that are heard most
background_work  runs, queue, provider errors
action_items     what staff should look at
report           everything for one look, for the page and for the CSV
csv_export       the report as lines of a CSV
percentiles      from counts by latency bucket                       pure
time_steps       grouping by steps of time, in the database
cached           results of slow queries, refreshed now and then
"""
