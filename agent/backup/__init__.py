"""A consistent copy of the outbox while it runs, and a way back that sends nothing twice.

A backup is a folder: ``outbox.db`` as the online backup of SQLite gives it (sealed values stay sealed; the
data key is not in it), ``numbers.json`` as it was then, and ``manifest.json``, which says what they are.
"""
