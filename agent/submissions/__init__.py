"""What a HIS dropped, read into submissions. Pure: bytes and values in, values out.

Nothing is guessed: whatever can be read in two ways, or shows that something was lost before it was
written, is refused with every fault that can be seen at once.
"""

from agent.submissions.files import read
from agent.submissions.names import ID_RULE, is_id
from agent.submissions.order import in_sequence
from agent.submissions.rules import Encoding, Field, ReadFailure, ReadingRules, Vocabulary

__all__ = [
    "ID_RULE",
    "Encoding",
    "Field",
    "ReadFailure",
    "ReadingRules",
    "Vocabulary",
    "in_sequence",
    "is_id",
    "read",
]
