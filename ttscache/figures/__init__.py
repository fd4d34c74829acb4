"""What staff are told in numbers: one function for each question, its formula in its docstring.

scope       which days, which voice, by requests or by money
asked       how clips were asked for: hit rates, where sound came from, how long it took
time_to_sound  how long people waited in their browsers
money       spent, and what it would have been without the cache
holdings    coverage, storage, growth; what nobody ever heard
heard       the reflections that are heard most
work        runs, queue, provider errors
needs       what staff should look at
lines       the same as lines of a CSV
report      all of it for one look, for the page and for the CSV
histogram   percentiles from counts by latency bucket                       pure
steps       grouping by steps of time, in the database
remembered  which figures are kept between two looks, and for how long
demo        made-up figures for demonstrations, and how they are told from real ones
"""
