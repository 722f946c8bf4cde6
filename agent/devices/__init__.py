"""Scanners and card readers: what a person shows becomes an event that is durable before the next.

A scanner is a *link* (``serial_link``, ``hid_pos``, ``evdev_link``) that gives whole codes, kept open
by a :class:`~agent.devices.scanner.ScannerSource`; a reader is kept by a
:class:`~agent.devices.cards.polling.CardSource`. Both hand each event to one callable::

    def deliver(event: Event) -> ScanVerdict: ...

which returns when the event is stored, and says what became of it; only then the next one is read.
When it raises, the same event, with the same id, is handed over again: nothing is lost, and storing
is idempotent by the id. What a code is (``classify``) and where it goes (``routing``) is decided by
pure functions. ``docs/devices.md`` tells the rest.
"""
