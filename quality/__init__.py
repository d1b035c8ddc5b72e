"""Checks: expectation suites derived from definitions, run with Great Expectations on DuckDB.

A view's suite is made from its definition alone; a table that fails it is not published. Great
Expectations takes seconds to import, so it is imported only when a suite runs.
"""
