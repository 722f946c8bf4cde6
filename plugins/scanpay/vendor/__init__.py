"""The vendor's own signing package, run as a helper process (``PROTOCOL.md``)."""
