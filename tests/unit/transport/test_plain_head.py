"""agent.transport.plain_head: what it recognises, the standard library reads the same."""

import http.client
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.transport.plain_head import plain_head

names = st.text("ABCabc-_", min_size=1, max_size=8).filter(
    lambda n: n.lower() not in {"content-length", "transfer-encoding", "connection"}
)
values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12)


class Source:
    def __init__(self, data):
        self.data = data

    def makefile(self, mode):
        return io.BytesIO(self.data)


def standard(data):
    head = http.client.HTTPResponse(Source(data), method="POST")
    head.begin()
    return head


@given(
    st.sampled_from([200, 201, 301, 400, 404, 500, 503]),
    st.lists(st.tuples(names, values), max_size=4),
    st.integers(0, 99),
    st.sampled_from([b"", b"Connection: close\r\n", b"connection: Keep-Alive\r\n"]),
)
def test_a_plain_head_is_read_as_the_standard_library_reads_it(status, extra, length, connection):
    lines = b"".join(f"{name}: {value}\r\n".encode() for name, value in extra)
    data = b"HTTP/1.1 %d Some words\r\n%sContent-Length: %d\r\n%s\r\n" % (status, lines, length, connection)
    found, expected = plain_head(data + b"x" * length), standard(data + b"x" * length)
    assert found is not None
    assert (found.status, found.length, found.closes) == (
        expected.status,
        expected.length,
        expected.will_close,
    )
    assert found.size == len(data)
    for name in {name.lower() for name, _ in extra}:
        joined = ", ".join(
            value.strip(" \t") for key, value in expected.headers.items() if key.lower() == name
        )
        assert found.headers[name] == joined


WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.mark.parametrize("cut", range(len(WHOLE) - 2))
def test_a_head_that_is_not_whole_is_left_to_the_standard_library(cut):
    assert plain_head(WHOLE[:cut]) is None


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999999\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        b"HTTP/1.1 200 OK\r\nA: \x00\r\nContent-Length: 2\r\n\r\nok",
    ],
)
def test_anything_a_little_different_is_left_to_the_standard_library(data):
    assert plain_head(data) is None
