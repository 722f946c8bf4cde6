"""Lanes: one message of each in flight, its answer durable before the next one starts.

``judgement`` decides and does nothing; ``exchange`` speaks to one endpoint through one
adapter; ``lane`` is the loop that joins them to the outbox; ``dispatcher`` owns the threads.
"""
