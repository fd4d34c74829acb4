"""From the environment to settings, one file a topic. Each value is checked here, once, as it is read.

What can be wrong in combination is a system check: `ttscache/checks.py`.
"""
