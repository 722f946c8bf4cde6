"""Reconciliation (3.3.2): the platform's file of a cycle against what this agent knows of it. Pure.

========== ==============================================================
statement  the Base64 zip of ST099 into rows
comparing  rows of both sides into matches and differences
reports    the comparison as JSON, CSV and a printable page
deciding   what is kept of it, what people accept, when a cycle is clean
========== ==============================================================
"""
