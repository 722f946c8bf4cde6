"""The outbox: what was accepted from a HIS and is to be delivered, exactly once and in order.

::

    base, model        the contract, whatever database is behind it
    store              SQLite: opening, writing, the reading side
      ownership, connection, migrating, recovery     one owner; a whole database of this schema
      writer           one writer at a time, urgent ones first
      transaction      one commit; each method is handed to the module of its concern:
        intake, staging, references       taking in; large ones in chunks; after and replaces
        claiming                          whose turn it is, attempts, doubts
        settling, deciding                outcomes; what people and time decide
        scopes, blocking                  the chain of scopes; what a failure keeps from being sent
        submissions, purging              state and revision of a submission; what is long over
      reading, telling, results, explaining          results and views
    sealed, drafts, moments                          values at the border of the database
    schema.sql, queries.sql, migrations/             every table, state and statement, described

A step of a transaction changes messages, notes the submissions that it touched and the scope keys
somebody may be let go by, and works both off at its end (``submissions.finish_step``).
"""
