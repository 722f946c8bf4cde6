"""The station verbs: what waits, what was scanned, and what a person may do about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agent.errors import ControlError
from agent.events import JsonObject
from agent.outbox.base import Outbox
from agent.outbox.model import WaitView
from agent.waiting.room import TRACECODE, WaitingRoom
from agent.waiting.stations import Stations


class StationHandlers:
    """For :class:`agent.control.server.ControlServer`. Answers hold no codes."""

    def __init__(self, room: WaitingRoom, stations: Stations, outbox: Outbox, decided: Callable[[], None]):
        self._room = room
        self._stations = stations
        self._outbox = outbox
        self._decided = decided

    def handlers(self) -> Mapping[str, Callable[[JsonObject], JsonObject]]:
        return {
            "station.list": self.list,
            "station.events": self.events,
            "station.undo": self.undo,
            "station.show": self.show,
            "station.cancel": self.cancel,
        }

    def list(self, _args: JsonObject) -> JsonObject:
        """Devices, and what waits."""
        waits = [self._wait(view) for view in self._outbox.waits()]
        return {"devices": self._stations.states(), "waits": waits}

    def events(self, args: JsonObject) -> JsonObject:
        """What was told of a station after an event; ``after`` 0 begins now."""
        self._demand_station(args["station"])
        feedback = self._room.feedback
        told = feedback.after(args["after"], args["station"]) if args["after"] else ()
        waits = [self._wait(view) for view in self._outbox.waits() if view.station == args["station"]]
        last = told[-1].number if told else args["after"] or feedback.last
        return {"events": [one.as_json() for one in told], "last": last, "waits": waits}

    def undo(self, args: JsonObject) -> JsonObject:
        view = self._find(args["station"], TRACECODE)
        if not self._room.undo(view, args["who"]):
            raise _refused("还没有扫到任何追溯码，没有可以撤销的", "nothing_to_undo")
        return self.list({})

    def show(self, args: JsonObject) -> JsonObject:
        view = self._find(args["station"], TRACECODE)
        if args["row"] not in {item.row for item in self._room.tally(view).open}:
            raise _refused("没有这一行，或这一行已经扫够", "not_found")
        self._room.show(view, args["row"])
        return self.list({})

    def cancel(self, args: JsonObject) -> JsonObject:
        view = self._find(args["station"], args["kind"])
        with self._outbox.write() as tx:
            tx.cancel(view.submission, args["who"], args["why"], self._room.clock.now())
        self._room.wakeup.set()
        self._decided()
        return self.list({})

    def _wait(self, view: WaitView) -> JsonObject:
        told: JsonObject = {
            "submission": view.submission,
            "system": view.system,
            "transaction": view.transaction,
            "station": view.station,
            "kind": view.kind,
            "until": view.until.isoformat(),
            "items": [],
        }
        if view.kind == TRACECODE:
            tally = self._room.tally(view)
            shown = tally.shown(self._room.shown(view))
            told["items"] = [
                {
                    "row": item.row,
                    "name": item.name,
                    "count": item.count,
                    "scanned": tally.count(item),
                    "shown": item is shown,
                }
                for item in tally.items
            ]
        return told

    def _find(self, station: str, kind: str) -> WaitView:
        """Raises ControlError, also where it is not said which of several."""
        self._demand_station(station)
        found = [view for view in self._outbox.waits() if view.station == station and kind in ("", view.kind)]
        if len(found) > 1:
            kinds = "、".join(view.kind for view in found)
            raise _refused(
                f"窗口 {station} 有几种业务在等待（{kinds}），请用 --kind 写明是哪一种", "ambiguous"
            )
        if not found:
            raise _refused(f"窗口 {station} 没有这样的业务在等待", "not_found")
        return found[0]

    def _demand_station(self, station: str) -> None:
        if station not in self._stations.names:
            raise _refused(f"配置中没有窗口 {station}", "not_found")


def _refused(message: str, code: str) -> ControlError:
    return ControlError(
        message, hint="用 his-agent station list 查看窗口和等待的业务", details={"code": code}
    )
