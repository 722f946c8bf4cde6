"""agent.checks.reach: any answer shows that the way is open; a closed port says what to do."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from agent.checks.model import Level
from agent.checks.reach import check_reach
from agent.config.model import SystemConfig
from agent.registry import Registry
from agent.transport.base import TransportSettings

QUICK = TransportSettings(connect_s=2, answer_s=2)


class Refusing(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        self.send_response(405)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        """Nothing: the test looks at ``asked``."""


def check(port):
    system = SystemConfig("ministry", {"url": f"http://127.0.0.1:{port}/engine", "access_key": "510000001"})
    return list(check_reach(system, Registry().protocol("ministry"), QUICK))


def test_any_answer_shows_that_the_way_is_open_and_no_transaction_is_sent():
    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        server.asked = []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            (finding,) = check(server.server_port)
        finally:
            server.shutdown()
            thread.join()
    assert (finding.level, finding.subject) == (Level.OK, "ministry.url")
    assert "HTTP 405" in finding.message
    assert server.asked == ["/engine"]


def test_a_closed_port_is_an_error_with_a_hint():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        (finding,) = check(taken.getsockname()[1])
    assert finding.level is Level.ERROR
    assert finding.hint


def test_an_address_that_the_platform_calls_is_not_tried():
    options = {"url": "http://127.0.0.1:1/", "backurl": "http://127.0.0.1:1/callback"}
    system = SystemConfig("scanpay", options)
    (finding,) = check_reach(system, Registry().protocol("scanpay"), QUICK)
    assert finding.subject == "scanpay.url"


def hang_up(listening):
    connection, _ = listening.accept()
    connection.recv(1)
    connection.close()


def test_a_connection_without_an_answer_tells_of_address_and_proxy_not_of_transactions():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=hang_up, args=[listening])
        thread.start()
        (finding,) = check(listening.getsockname()[1])
        thread.join()
    assert finding.level is Level.ERROR
    assert "没有得到 HTTP 应答" in finding.message
    assert "https://" in finding.hint
