"""The benchmarks, one per file: the first line of the docstring is the title, `measure()` yields the rows."""
