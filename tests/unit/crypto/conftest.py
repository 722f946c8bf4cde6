"""Each SM2 backend in turn; OpenSSL is left out only where the machine has no libcrypto 3 at all."""

from __future__ import annotations

import pytest

from agent.crypto import backends
from agent.crypto.backends import Backend, libcrypto
from agent.errors import CryptoError


@pytest.fixture(scope="session", params=backends.NAMES)
def backend(request: pytest.FixtureRequest) -> Backend:
    if request.param == "openssl":
        skip_without_libcrypto()
    return backends.load(request.param)


@pytest.fixture(scope="session")
def openssl() -> Backend:
    skip_without_libcrypto()
    return backends.load("openssl")


def skip_without_libcrypto() -> None:
    try:
        libcrypto.load()
    except CryptoError as error:
        pytest.skip(f"no libcrypto 3 here: {error.details['reason']}")
