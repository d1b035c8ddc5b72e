"""From definitions to the warehouse: the dbt models that compute what the definitions mean.

What is generated is written into the dbt project, committed, and read like SQL that a person wrote.
"""
