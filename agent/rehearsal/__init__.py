"""What the rehearsal servers of all protocols share: HTTP, faults, parking, ledger and an admin surface.

A rehearsal server stands in for a real platform (``his-agent simulate NAME``). A protocol brings a
:class:`agent.rehearsal.exchange.Platform`, which reads, processes and answers its own requests; the
rest is here:

============ ==============================================================================
server       a threaded HTTP/1.1 server on the loopback (connection, messages) that can also misbehave
serving      the common options; serves until interrupted
faults       switches that make requests or answers go wrong, seeded, at start and at run time
parking      requests that take effect only after an inquiry about them was answered "no"
ledger       what took effect, how often and in which order; on disk if wanted, so it survives a kill
exchange     one request from arrival to answer: faults, platform, ledger
people       invented people whose identity numbers fail the checksum
admin        ``/_rehearsal/``: ledger, faults, state counts and reset as JSON for other processes
============ ==============================================================================

and the devices of a till: ``virtual_scanner`` on a pseudo-terminal, ``virtual_card`` in ``virtual_reader``
of the machine's ``card_service``.

Nothing here is used by the daemon, and nothing here trusts the daemon's own validation.
"""
