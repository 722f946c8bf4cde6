"""Real processes: a platform, an agent, a folder between them."""

import pytest

from agent.demo.stage import Stage

QUICK = {
    "negatives": 2,
    "negative_quiet_s": 0.3,
    "backoff_cap_s": 1.0,
    "transport": {"answer_timeout_s": 1.0, "connect_timeout_s": 1.0},
}


@pytest.fixture
def stage(tmp_path):
    """A stage whose waits are short; everything on it ends with the test."""
    stage = Stage(tmp_path / "stage", settings=QUICK)
    yield stage
    stage.close()
