"""The audit trail: what happened to every message, and what people did, in a chain that shows any change.

================ ==============================================================================
chain            a record, and the SM3 digest that ties it to the one before
heads            signing the end of the chain; finding ends in the system log
verifying        goes along the chain and names every record that was changed, moved or removed
system_log       the operating system's own log, which outlives a database that was cut
================ ==============================================================================

Records are written by the outbox, in the commit of the step that they tell of (``outbox/auditing``).
"""
