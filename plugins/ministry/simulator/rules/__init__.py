"""The document's business rules, one small pure function each, answering its RE code or None.

A transaction looks everything up first and puts it into a *case*; its rules are a tuple in the order
in which the platform applies them.
"""
