"""The key verbs without a daemon, by the account that runs the command; what they do is recorded too.

The audit trail is opened before a key changes, so that none changes unrecorded; only a data key that is
brought back is kept first, for without it nothing opens. Before the first start there is no trail yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from agent.cli.direct import database, opened_outbox
from agent.cli.session import Session, key_ring
from agent.control.key_handlers import KeyHandlers
from agent.control.verbs import complete
from agent.errors import StoreLocked
from agent.key_material import key_uses
from agent.keys import DATA_KEY

if TYPE_CHECKING:
    from agent.config import AgentConfig
    from agent.events import JsonObject
    from agent.outbox.base import Outbox

_ACTS: Final = frozenset({"keys.import", "keys.generate", "keys.retire", "keys.remove"})


def call_here(session: Session, verb: str, args: JsonObject) -> JsonObject:
    """Raises StoreLocked while the agent runs, KeyMissing without the data key of the trail, ControlError,
    KeyRejected, ConfigurationError."""
    from agent.registry import Registry

    registry = Registry()
    config = session.load(registry)
    uses = [
        use
        for name, system in config.systems.items()
        for use in key_uses(registry.protocol(name), system.options)
    ]
    done: list[tuple[str, str, str, str]] = []

    def note(what: str, name: str, who: str, why: str) -> None:
        done.append((what, name, who, why))

    handler = KeyHandlers(key_ring(config), uses, lambda _name: None, note).handlers()[verb]
    given = complete(verb, args)
    if verb not in _ACTS or not database(config).exists():
        return handler(given)
    if given["name"] == DATA_KEY:
        answer = handler(given)
        with _trail(config) as trail:
            _record(trail, done)
        return answer
    with _trail(config) as trail:
        answer = handler(given)
        _record(trail, done)
    return answer


@contextmanager
def _trail(config: AgentConfig) -> Iterator[Outbox]:
    with ExitStack() as stack:
        try:
            outbox = stack.enter_context(opened_outbox(config))
        except StoreLocked as error:
            raise StoreLocked(error.message, hint="代理程序正在运行，请去掉 --here") from None
        yield outbox


def _record(trail: Outbox, done: Iterable[tuple[str, str, str, str]]) -> None:
    for what, name, who, why in done:
        with trail.write() as tx:
            tx.record(what, {"key": name}, who=who, why=why)
