"""Every file here is one benchmark: its docstring's first line is its title, `measure()` yields its rows."""
