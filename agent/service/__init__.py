"""The agent as a service of its operating system: what it tells the manager, and how it is installed."""
