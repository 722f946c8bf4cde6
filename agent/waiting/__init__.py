"""Joins what is scanned or read to what a HIS dropped, and tells the person who holds the scanner.

``room`` is the one place where an event is taken: it completes the submission that waits for it, else it
becomes a submission of its own as configured, else a file in ``scans/``; it returns when that is durable.
"""
