"""What the protocols share: pure steps between a validated submission and its messages, and back.

=========== ====================================================================
judging     a submission against its catalog and rules, every fault at once
rules       checks across fields that a catalog names
batches     a row list into messages of at most so many rows
scopes      what a message is about, by the catalog's scope rules
drafts      the messages themselves, with order class and blocking from the catalog
deadlines   by when the platform wants it
completing  what earlier messages left behind, filled in at the claim
matching    an answer's rows back to the rows that were sent
tracecodes  one text for one drug trace code, however it was scanned
verdicts    codes into verdicts, rows into one verdict
yielding    the numbers that an answer gives
values      one text for one value, wherever it came from
=========== ====================================================================

Led by the catalog alone: nothing here knows a system or a transaction by name.
"""
