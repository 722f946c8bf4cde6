"""What the protocols share: pure steps between a validated submission and its messages, and back.

=========== ====================================================================
planning    the transaction's specification; what an unreadable submission is about
judging     a submission against its catalog and rules, every fault at once
rules       checks across fields that a catalog names
batches     a row list into messages of at most so many rows
scopes      what a message is about, by the catalog's scope rules
drafts      the messages themselves, with order class and blocking from the catalog
deadlines   by when the platform wants it
owing       fields that a HIS leaves to earlier answers, found by its own keys
completing  what earlier messages left behind, filled in at the claim
answers     JSON as platforms write it
statuses    what an HTTP status says where the body is not the platform's
matching    an answer's rows back to the rows that were sent
tracecodes  one text for one drug trace code, however it was scanned
verdicts    codes into verdicts, rows into one verdict
yielding    the numbers that an answer gives
serials     a number as the text that a document makes of it
settings    a system's section of the configuration
values      one text for one value, wherever it came from
=========== ====================================================================

Led by the catalog alone: nothing here knows a system or a transaction by name.
"""
