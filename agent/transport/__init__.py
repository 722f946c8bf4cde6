"""Bytes out, bytes in, and what may have left this machine: see :mod:`agent.transport.base`."""
