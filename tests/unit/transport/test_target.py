"""The parts of a URL that a connection and a request line need."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ConfigurationError
from agent.transport.target import Origin, parse, parse_proxy

CASES = [
    ("http://host", Origin("http", "host", 80), "/"),
    ("https://host/a/b?c=d", Origin("https", "host", 443), "/a/b?c=d"),
    ("HTTP://HOST:8080/A#part", Origin("http", "host", 8080), "/A"),
    ("http://host/张?姓=三 四", Origin("http", "host", 80), "/%E5%BC%A0?%E5%A7%93=%E4%B8%89%20%E5%9B%9B"),
    ("http://host/%E5%BC%A0?a=%20&b=1+1", Origin("http", "host", 80), "/%E5%BC%A0?a=%20&b=1+1"),
    ("http://[::1]:9/", Origin("http", "::1", 9), "/"),
    ("http://医院.example/", Origin("http", "xn--ekrs67m.example", 80), "/"),
]


@pytest.mark.parametrize(("url", "origin", "target"), CASES)
def test_url_gives_its_server_and_its_request_target(url: str, origin: Origin, target: str) -> None:
    assert parse(url) == (origin, target)


AUTHORITIES = [
    (Origin("http", "host", 80), "host"),
    (Origin("https", "host", 443), "host"),
    (Origin("http", "host", 443), "host:443"),
    (Origin("https", "::1", 443), "[::1]"),
    (Origin("https", "::1", 9), "[::1]:9"),
]


@pytest.mark.parametrize(("origin", "authority"), AUTHORITIES)
def test_host_header_names_only_an_unusual_port(origin: Origin, authority: str) -> None:
    assert origin.authority() == authority


@given(st.text(max_size=40))
def test_whatever_stands_in_a_path_or_query_the_request_target_is_one_printable_word(rest: str) -> None:
    _, target = parse(f"http://host/{rest}")
    assert target.startswith("/")
    assert all("!" <= character <= "~" for character in target)


@given(st.text(max_size=30))
def test_text_that_is_no_url_is_refused_and_never_crashes(text: str) -> None:
    with pytest.raises(ConfigurationError):
        parse(text)


def test_proxy_is_none_where_none_is_configured() -> None:
    assert parse_proxy("") is None


def test_proxy_password_may_hold_an_at_sign() -> None:
    assert parse_proxy("http://clerk:a@b@proxy") == parse_proxy("http://clerk:a%40b@proxy:80")


def test_proxy_hides_its_credentials_in_its_representation() -> None:
    proxy = parse_proxy("http://clerk:hidden@proxy:3128")
    assert proxy is not None
    assert proxy.origin == Origin("http", "proxy", 3128)
    assert "Authorization" not in repr(proxy)
