"""agent.daemon: start and stop as lists, with everything real but the platform."""

import os
import signal
import threading
import time

import pytest

from agent import daemon as module
from agent import pulse
from agent.clock import ManualClock
from agent.errors import ConfigurationError, ControlError, StoreLocked
from agent.opening import open_outbox
from agent.outbox.model import LaneKey, Settled, State
from tests.unit.daemon_bench import PATIENCE_S, BlackHole, DaemonBench, Watched, key_texts
from tests.unit.intake.inbox_bench import admission_file


@pytest.fixture
def hole():
    hole = BlackHole()
    yield hole
    hole.close()


@pytest.fixture
def installation(tmp_path, hole):
    bench = DaemonBench(tmp_path, hole.url)
    yield bench
    bench.stop()


@pytest.fixture
def hurried(monkeypatch):
    """What is late is cut at once; the real patience is checked by its numbers."""
    monkeypatch.setattr(module, "DRAIN_WITHIN_S", 0.2)


def workers(daemon):
    return {worker.name: worker.state for worker in daemon.supervisor.workers()}


def stored(bench):
    """The messages on disk, after a stop: (transaction, state, tries)."""
    outbox = open_outbox(
        bench.config.data / module.DATABASE, keys=bench.ring, clock=module.SystemClock(), answer_within_s=20
    )
    try:
        return [(view.transaction, view.state, view.tries) for view in outbox.messages()]
    finally:
        outbox.close()


# -- start -------------------------------------------------------------------------------------------
def test_everything_that_runs_is_named_and_running(installation):
    daemon = installation.start()
    named = {"replies", "downloads", "schedules", "housekeeping", "upkeep", "waiting", "inbox ministry"}
    assert workers(daemon) == dict.fromkeys(named, "running")


def test_a_second_daemon_on_the_same_data_is_refused_and_harms_the_first_one_in_nothing(installation):
    first = installation.start()
    with pytest.raises(StoreLocked):
        module.Daemon(installation.config, installation.registry, installation.ring).start()
    assert set(workers(first).values()) == {"running"}
    assert installation.call("status")["folders"]


@pytest.mark.parametrize(
    ("step", "error"),
    [("_build_control", ControlError("taken")), ("_build_systems", ConfigurationError("wrong"))],
)
def test_a_start_that_fails_leaves_nothing_behind_and_may_be_tried_again(
    installation, monkeypatch, step, error
):
    def fail(_daemon):
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(module.Daemon, step, fail)
        with pytest.raises(type(error)):
            module.Daemon(installation.config, module.Registry(), installation.ring).start()
    assert "agent" not in {thread.name.partition(" ")[0] for thread in threading.enumerate()}
    installation.start()


def test_sensitive_fields_are_hidden_before_anything_is_opened(installation, monkeypatch):
    order = []
    monkeypatch.setattr(module, "hide", lambda codes: order.append("hidden" if codes else "nothing"))
    monkeypatch.setattr(module, "open_outbox", lambda *_, **__: order.append("opened") or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        module.Daemon(installation.config, module.Registry(), installation.ring).start()
    assert order == ["hidden", "opened"]


# -- stop --------------------------------------------------------------------------------------------
def test_stopping_takes_at_most_twenty_seconds_by_its_own_numbers():
    parts = module.DRAIN_WITHIN_S + module.CUT_WITHIN_S + module.ANSWERED_WITHIN_S
    assert parts < module.STOP_WITHIN_S == 20


def test_an_idle_daemon_stops_at_once_and_all_its_workers_end(installation):
    daemon = installation.start()
    started = time.monotonic()
    installation.stop()
    assert time.monotonic() - started < 5
    assert set(workers(daemon).values()) == {"ended"}


@pytest.mark.usefixtures("hurried")
def test_a_stop_with_an_exchange_in_flight_cuts_it_and_leaves_a_doubt(installation, hole):
    installation.start()
    installation.admit("A1")
    hole.wait_for(1)
    started = time.monotonic()
    installation.stop()
    assert time.monotonic() - started < 5
    assert set(workers(installation.daemon).values()) == {"ended"}
    assert stored(installation) == [("GYU101", State.INQUIRING, 1)]


@pytest.mark.usefixtures("hurried")
def test_the_next_start_inquires_and_does_not_send_again(installation, hole):
    installation.start()
    installation.admit("A1")
    hole.wait_for(1)
    installation.stop()
    installation.start()
    hole.wait_for(2)
    lanes = installation.call("status")["messages"]
    assert lanes == [{"lane": "510000001", "state": "inquiring", "count": 1}]
    installation.stop()
    assert stored(installation) == [("GYU101", State.INQUIRING, 1)]


@pytest.mark.usefixtures("hurried")
def test_what_was_dropped_while_nothing_ran_is_taken_at_the_start(installation, hole):
    installation.admit("A1")
    installation.start()
    hole.wait_for(1)
    assert installation.archived("A1.json")


# -- what one room tells the next ----------------------------------------------------------------------
@pytest.mark.usefixtures("hurried")
def test_observers_hear_of_what_is_stored_and_not_of_what_is_refused(installation, hole):
    installation.start()
    installation.drop("bad.json", admission_file("B1", aka130="99"))
    installation.admit("A1")
    hole.wait_for(1)
    assert installation.registry.stored == [("GYU101", 1)]


def test_an_invalid_file_is_answered_at_once(installation):
    installation.start()
    installation.drop("bad.json", admission_file("B1", aka130="99"))
    target = installation.results / "bad.json.B1.result.json"
    installation.wait_for(target.exists, "the result")
    assert '"invalid"' in target.read_text("utf-8")


@pytest.mark.usefixtures("hurried")
def test_an_acknowledgement_lets_no_halted_lane_go_on_and_a_key_does(tmp_path, hole):
    bench = DaemonBench(tmp_path, hole.url, keys=False)
    bench.start()
    try:
        bench.admit("A1")
        bench.wait_for(lambda: bench.lane() and bench.lane()["halt"], "the halt")
        assert bench.lane()["halt"]["code"] == "key_missing"
        bench.drop("A1.ack", b"")
        bench.wait_for(lambda: bench.archived("A1.ack"), "the acknowledgement")
        halted = bench.lane()
        assert halted["halt"]["code"] == "key_missing"
        assert halted["rest_s"] > 200
        for name, pem in key_texts().items():
            bench.call("keys.import", name=name, value=pem)
        hole.wait_for(1)
    finally:
        bench.stop()


@pytest.mark.usefixtures("hurried")
def test_the_his_is_told_why_its_lane_has_stopped(tmp_path, hole):
    bench = DaemonBench(tmp_path, hole.url, keys=False)
    daemon = bench.start()
    try:
        bench.admit("A1")
        bench.wait_for(lambda: bench.lane() and bench.lane()["halt"], "the halt")
        (key,) = [one.key for one in daemon.systems["ministry"].dispatcher.status() if one.halt]
        assert "缺少密钥" in daemon.replies.halted(key)
        assert daemon.replies.halted(LaneKey("gone", "1")) == ""
    finally:
        bench.stop()


@pytest.mark.skipif(os.name == "nt", reason="Windows moves no open file")
def test_an_agent_whose_data_folder_is_moved_away_ends_and_makes_nothing_in_its_place(tmp_path, hole):
    bench = DaemonBench(tmp_path, hole.url)
    daemon = module.Daemon(bench.config, Watched(), bench.ring)
    ended = []

    def serve():
        try:
            module.serve(daemon)
        except ConfigurationError as error:
            ended.append(error.details["reason"])

    thread = threading.Thread(target=serve)
    thread.start()
    bench.wait_for(bench.inbox.is_dir, "the inbox")
    bench.config.data.rename(tmp_path / "elsewhere")
    thread.join(PATIENCE_S)
    assert ended == ["data_moved"]
    assert not bench.config.data.exists()


def test_folders_that_are_missing_are_made_at_the_start(installation):
    installation.start()
    (folder,) = installation.config.folders
    assert all(path.is_dir() for path in (folder.results, folder.archive, folder.rejected))


def test_an_outcome_of_a_system_no_longer_configured_ends_no_worker(installation):
    daemon = installation.start()
    daemon._settled(Settled(1, 1, "gone", "X1", State.EXPIRED, ""))
    assert installation.registry.outcomes == [("X1", "expired")]


# -- the main thread -----------------------------------------------------------------------------------
@pytest.mark.skipif(os.name == "nt", reason="signals are sent so on Unix only")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_in_order(installation, monkeypatch, number):
    kept = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    started = module.Daemon.start

    def start_and_signal(daemon):
        started(daemon)
        installation.daemon = daemon
        os.kill(os.getpid(), number)

    monkeypatch.setattr(module.Daemon, "start", start_and_signal)
    try:
        module.run(installation.config, module.Registry(), installation.ring)
    finally:
        for one, handler in kept.items():
            signal.signal(one, handler)
    assert set(workers(installation.daemon).values()) == {"ended"}


def test_the_main_thread_never_waits_for_ever_so_that_windows_lets_a_signal_through(
    installation, monkeypatch
):
    waits = []

    class Asked(threading.Event):
        def wait(self, timeout=None):
            waits.append(timeout)
            self.set()
            return len(waits) > 1

    original = module.Daemon.__init__

    def init(daemon, *args, **kwargs):
        original(daemon, *args, **kwargs)
        daemon.asked_to_stop = Asked()

    monkeypatch.setattr(module.Daemon, "__init__", init)
    monkeypatch.setattr(module, "_stop_on_signals", lambda _daemon: None)
    module.run(installation.config, module.Registry(), installation.ring)
    assert len(waits) == 2
    assert all(0 < wait <= 1 for wait in waits)


# -- what the service manager is told ------------------------------------------------------------------
class Listening:
    """A service manager that keeps what it is told."""

    def __init__(self):
        self.told = []

    def ready(self):
        self.told.append("ready")

    def alive(self):
        self.told.append("alive")

    def stopping(self):
        self.told.append("stopping")


def test_the_manager_hears_a_beat_only_while_every_worker_keeps_its_promise(installation):
    daemon = installation.start()
    daemon.manager = Listening()
    daemon.report_life()
    assert daemon.manager.told == ["alive"]
    worker = daemon.supervisor.workers()[0]
    worker.pulse.overdue_s = lambda: 1.0
    daemon.report_life()
    assert daemon.manager.told == ["alive"]
    del worker.pulse.overdue_s
    daemon.report_life()
    assert daemon.manager.told == ["alive", "alive"]


def test_a_lane_that_waits_for_an_answer_has_promised_when_it_will_be_heard_of(installation, hole, hurried):
    daemon = installation.start()
    installation.admit("A1")
    hole.wait_for(1)
    (lane,) = [worker for worker in daemon.supervisor.workers() if worker.name.startswith("lane ")]
    assert daemon.supervisor.lifeless() == ()
    promised = daemon.config.systems["ministry"].transport.answer_timeout_s
    lane.pulse._clock = ManualClock()
    lane.pulse._clock.advance(time.monotonic() + 2 * promised + pulse.STEP_S)
    assert daemon.supervisor.lifeless() == (lane.name,)
    installation.stop()


def test_the_manager_is_told_again_and_again_while_the_daemon_drains(installation, hole, hurried):
    daemon = installation.start()
    installation.admit("A1")
    hole.wait_for(1)
    daemon.manager = Listening()
    installation.stop()
    assert daemon.manager.told.count("stopping") >= 2
    assert set(daemon.manager.told) == {"stopping"}


def test_ready_is_told_after_everything_runs_and_before_any_beat(installation):
    told = Listening()
    daemon = module.Daemon(
        installation.config, installation.start().registry, installation.ring, manager=told
    )
    installation.stop()
    daemon.asked_to_stop.set()
    module.serve(daemon)
    assert told.told[:2] == ["ready", "stopping"]
