"""Scanners and card readers: what a person shows becomes an event that is durable before the next.

A scanner is a *link* (``serial_link``, ``hid_link``, ``evdev_link``) that gives whole codes, kept open
by a :class:`~agent.devices.scanner.ScannerSource`; a reader is kept by a
:class:`~agent.devices.cards.source.CardSource`. Both hand each event to one callable::

    def deliver(event: Event) -> ScanVerdict: ...

which returns when the event is stored, and says what became of it; only then the next one is read.
When it raises, the same event, with the same id, is handed over again: nothing is lost, and storing
is idempotent by the id. A scan's event has the scanner as ``source``, its station as ``name`` and the
code's bytes as ``payload``; ``cards.model.from_payload`` reads a card's. What a code is (``classify``)
is decided by a pure function, where it goes by the waiting room (``agent.waiting``); ``building``
makes the sources from the configuration, to be run by the supervisor::

    code = classify(event.payload, tables[event.source])
    scanner.want(bool(waiting_kinds))
    reader.want(Want.AUTHENTICATE)

``docs/devices.md`` tells the rest.
"""
