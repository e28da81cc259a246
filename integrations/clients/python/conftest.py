"""Clients, the fake upstream's memory, and Bartizan's record, as fixtures.

`cargo xtask test` starts the servers and says where they are:

    BARTIZAN_BASE_URL         the gateway, with /v1
    BARTIZAN_KEY              a virtual key
    BARTIZAN_BINARY           the program, for `log tail` and `keys`
    BARTIZAN_DATA             the gateway's data folder
    FAKE_UPSTREAM_BASE_URL    the fake upstream itself, with /v1
    FAKE_UPSTREAM_ADMIN       where it tells what it received
    FAKE_UPSTREAM_KEY         the provider's key that the gateway holds

Clients are imported where they are made: not every environment has all of them.
"""

import os

import pytest

from support import TIMEOUT_S, Record, Upstream


def _named(name):
    value = os.environ.get(name)
    assert value, f"{name} is not set; run `cargo xtask test`"
    return value


@pytest.fixture(scope="session")
def base_url():
    return _named("BARTIZAN_BASE_URL")


@pytest.fixture(scope="session")
def key():
    return _named("BARTIZAN_KEY")


@pytest.fixture(scope="session")
def client(base_url, key):
    """The official client, with nothing changed but where it goes; one attempt per call."""
    import openai

    with openai.OpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=TIMEOUT_S) as client:
        yield client


@pytest.fixture(scope="session")
def direct():
    """The same client without Bartizan in between, for comparison."""
    import openai

    url = _named("FAKE_UPSTREAM_BASE_URL")
    with openai.OpenAI(base_url=url, api_key="sk-any", max_retries=0, timeout=TIMEOUT_S) as client:
        yield client


@pytest.fixture
def upstream():
    """The fake upstream's memory, empty at the start of each test."""
    upstream = Upstream(_named("FAKE_UPSTREAM_ADMIN"))
    upstream.clear()
    return upstream


@pytest.fixture(scope="session")
def record():
    return Record(_named("BARTIZAN_BINARY"), _named("BARTIZAN_DATA"))
