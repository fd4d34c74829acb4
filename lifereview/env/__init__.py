"""Turns the environment into settings, one file per topic. Each value is checked once, when it is read.

Wrong combinations of values are system checks: `ttscache/checks.py`.
"""
