"""The agent as a Windows service: pywin32's border, which runs ``agent.daemon``."""
