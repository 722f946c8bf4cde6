"""What delivery through the agent costs, against loops that deliver and keep nothing: ``python -m bench``."""
