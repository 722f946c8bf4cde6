"""The local control endpoint: how the command line talks to the running daemon."""

from agent.control.client import ControlClient, error_code
from agent.control.endpoint import Endpoint, endpoint_at
from agent.control.verbs import VERBS

__all__ = ["VERBS", "ControlClient", "Endpoint", "endpoint_at", "error_code"]
