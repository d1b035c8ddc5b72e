"""Values as of any instants, read from the warehouse with the SQL that training sets are made by.

Nothing here is imported together with anything heavy: DuckDB and Jinja, of the extra
``slate[platform]``, are loaded when history is asked for.
"""
