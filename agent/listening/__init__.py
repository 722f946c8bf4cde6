"""What systems tell the agent unasked: a small HTTP listener, and the commit of what it heard.

Off unless ``[systems.<name>.listener]`` names an address. What a call means only its protocol knows
(``ProtocolSpec.hear``); nothing is answered with success before it is durable.
"""

from agent.listening.receiving import Receiver
from agent.listening.server import Listener, ListenerSettings

__all__ = ["Listener", "ListenerSettings", "Receiver"]
