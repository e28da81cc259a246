"""What is refused, and what fails, arrives as the client library's own errors, with a code and an id."""

import json

import openai
import pytest

from support import ATTACK, BENIGN, EMAIL, TIMEOUT_S, user, wait_until

INTERACTION = "x-bartizan-interaction"


def assert_is_ours(error, code):
    """A refusal of Bartizan: a stable code, words, and an id to quote."""
    assert error.code == code
    assert isinstance(error.message, str) and error.message
    interaction = error.response.headers[INTERACTION]
    assert interaction.startswith("int_")
    assert error.body["interaction"] == interaction, "the id is in the body, which people copy"
    return interaction


@pytest.mark.parametrize("stream", [False, True])
def test_an_attack_is_refused_once(base_url, key, upstream, record, stream):
    with openai.OpenAI(base_url=base_url, api_key=key, max_retries=2, timeout=TIMEOUT_S) as client:
        with pytest.raises(openai.PermissionDeniedError) as raised:
            client.chat.completions.create(model="fake-echo", messages=user(ATTACK), stream=stream)
    interaction = assert_is_ours(raised.value, "policy_block")
    assert raised.value.request.headers["x-stainless-retry-count"] == "0"
    assert upstream.requests() == [], "nothing reached the upstream"
    opened, closed = record.of(interaction)
    assert opened["decision"]["outcome"] == "refused"
    assert closed["ending"] == "refused"
    assert closed["status"] == 403
    assert any(found["finding"]["kind"].startswith("injection") for found in opened["findings"])


def test_an_attack_anywhere_in_the_prompt(client, upstream):
    buried = [{"role": "system", "content": "You help with gardens."}, *user(BENIGN)]
    buried += [{"role": "assistant", "content": "Rayleigh scattering."}, *user(f"Thank you. {ATTACK}")]
    parts = [{"role": "user", "content": [{"type": "text", "text": "Hello"}, {"type": "text", "text": ATTACK}]}]
    for messages in (buried, parts):
        with pytest.raises(openai.PermissionDeniedError):
            client.chat.completions.create(model="fake-echo", messages=messages)
    assert upstream.requests() == []


def test_an_unknown_key(base_url, key, upstream):
    other = key[:-4] + ("aaaa" if not key.endswith("aaaa") else "bbbb")
    for wrong in ("sk-1234567890", "btz_0000000000_nothing", other):
        with openai.OpenAI(base_url=base_url, api_key=wrong, max_retries=2, timeout=TIMEOUT_S) as client:
            with pytest.raises(openai.AuthenticationError) as raised:
                client.chat.completions.create(model="fake-echo", messages=user(BENIGN))
            with pytest.raises(openai.AuthenticationError):
                client.models.list()
        assert raised.value.status_code == 401
        assert wrong not in str(raised.value)
        assert_is_ours(raised.value, "invalid_api_key")
    assert upstream.requests() == []


def test_a_key_is_made_used_and_revoked(base_url, record):
    def is_accepted():
        try:
            return bool(client.chat.completions.create(model="fake-echo", messages=user(BENIGN)).choices)
        except openai.AuthenticationError:
            return False

    made = json.loads(record.run("keys", "create", "--name", "client-test", "--json"))
    with openai.OpenAI(base_url=base_url, api_key=made["key"], max_retries=0, timeout=TIMEOUT_S) as client:
        # The running gateway looks for changed keys a few times a second.
        wait_until(is_accepted)
        record.run("keys", "revoke", made["id"])
        wait_until(lambda: not is_accepted())
    assert made["key"] not in record.run("keys", "list", "--json")


def test_unknown_endpoints(client, upstream):
    for ask in (
        lambda: client.responses.retrieve("resp_1"),
        lambda: client.batches.list(),
        lambda: client.files.list(),
    ):
        with pytest.raises(openai.NotFoundError) as raised:
            ask()
        assert_is_ours(raised.value, "unknown_endpoint")
    assert upstream.requests() == []


@pytest.mark.parametrize("retries", [0, 2])
def test_retries_are_the_clients_own(base_url, key, upstream, retries):
    with openai.OpenAI(base_url=base_url, api_key=key, max_retries=retries, timeout=TIMEOUT_S) as client:
        with pytest.raises(openai.InternalServerError):
            client.chat.completions.create(model="fake-500", messages=user(BENIGN))
        assert len(upstream.requests()) == retries + 1
        upstream.clear()
        with pytest.raises(openai.RateLimitError) as raised:
            client.chat.completions.create(model="fake-429", messages=user(BENIGN))
        assert len(upstream.requests()) == retries + 1
        assert raised.value.response.headers["retry-after"] == "1"


def test_a_bad_request_is_the_callers(base_url, key, upstream):
    with openai.OpenAI(base_url=base_url, api_key=key, max_retries=2, timeout=TIMEOUT_S) as client:
        with pytest.raises(openai.BadRequestError) as raised:
            client.chat.completions.create(model="fake-400", messages=user(f"Write to {EMAIL}"))
    assert EMAIL not in upstream.only_request()["body"]
    assert raised.value.status_code == 400


@pytest.mark.parametrize("kind", ["reset-early", "garbage", "garbage-json", "html", "gzip", "duplicate-keys"])
def test_an_upstream_that_fails(client, record, kind):
    with pytest.raises(openai.InternalServerError) as raised:
        client.chat.completions.create(model=f"fake-{kind}", messages=user(BENIGN))
    assert raised.value.status_code == 502
    _, closed = record.of(raised.value.response.headers[INTERACTION])
    assert closed["ending"] == "upstream_failed"
    assert closed["reason"]


@pytest.mark.parametrize("kind", ["reset", "truncate", "no-done", "invalid-sse", "error-event", "duplicate-keys"])
def test_a_stream_that_fails_is_not_taken_for_a_whole_one(client, record, kind):
    with client.chat.completions.with_streaming_response.create(
        model=f"fake-{kind}", messages=user(BENIGN * 4), stream=True
    ) as answer:
        interaction = answer.headers[INTERACTION]
        with pytest.raises(openai.APIError):
            list(answer.parse())
    _, closed = record.of(interaction)
    assert closed["ending"] == "upstream_failed"


def test_a_client_that_leaves_is_on_record(client, record):
    with client.chat.completions.with_streaming_response.create(
        model="fake-slow+deltas-200", messages=user(BENIGN), stream=True
    ) as answer:
        interaction = answer.headers[INTERACTION]
        next(answer.iter_bytes())
    _, closed = record.of(interaction)
    assert closed["ending"] == "client_left"
