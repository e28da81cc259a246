"""The official `ollama` client, unmodified: chats, completions, streams, tools, thinking, personal data, errors."""

import os

import ollama
import pytest

from support import ATTACK, BENIGN, CUTS, INVENTED, PROMPT_WITH_VALUES, TIMEOUT_S, TOOL, VALUES, user

# A line of JSON has one end, and no comments.
CUTS = [cut for cut in CUTS if "crlf" not in cut]


def connect(url, key):
    """The client; its host has no version."""
    headers = {"Authorization": f"Bearer {key}"}
    return ollama.Client(host=url.removesuffix("/v1"), headers=headers, timeout=TIMEOUT_S)


@pytest.fixture(scope="module")
def client(base_url, key):
    return connect(base_url, key)


@pytest.fixture(scope="module")
def direct():
    return connect(os.environ["FAKE_UPSTREAM_BASE_URL"], "any")


def both(client, model, text=BENIGN, **more):
    """What a chat says, whole and streamed: content, thinking, calls."""
    whole = client.chat(model=model, messages=user(text), **more)
    parts = list(client.chat(model=model, messages=user(text), stream=True, **more))
    assert whole.done and parts[-1].done and not any(part.done for part in parts[:-1])
    streamed = (
        "".join(part.message.content or "" for part in parts),
        "".join(part.message.thinking or "" for part in parts),
        [call for part in parts for call in part.message.tool_calls or []],
    )
    return [(whole.message.content, whole.message.thinking or "", whole.message.tool_calls or []), streamed]


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("text", [BENIGN, PROMPT_WITH_VALUES], ids=["plain", "personal"])
def test_content_is_what_was_said(client, upstream, text, cut):
    for content, thinking, calls in both(client, f"fake-echo{cut}", text):
        assert (content, thinking, calls) == (text, "", [])
    upstream.assert_never_saw(*VALUES)


def test_answers_are_the_upstreams_own(client, direct, upstream):
    asked = {"model": "fake-echo", "messages": user(BENIGN), "keep_alive": "5m", "options": {"num_ctx": 4096}}
    assert client.chat(**asked) == direct.chat(**asked)
    first, second = upstream.requests()
    assert first["body_bytes"] == second["body_bytes"]
    assert dict(first["headers"])["authorization"] == f"Bearer {os.environ['FAKE_UPSTREAM_KEY']}"
    generated = {"model": "fake-echo", "prompt": BENIGN, "system": "Be brief."}
    assert client.generate(**generated) == direct.generate(**generated)
    assert list(client.generate(**generated, stream=True))[-1].context == [1, 2, 3]


@pytest.mark.parametrize("cut", CUTS)
def test_tools_and_thinking_get_real_values(client, upstream, cut):
    for _, _, calls in both(client, f"fake-two-tools{cut}", PROMPT_WITH_VALUES, tools=[TOOL]):
        assert len(calls) == 2
        for call in calls:
            assert call.function.name == "search_notes"
            assert call.function.arguments["query"].endswith(PROMPT_WITH_VALUES)
            assert call.function.arguments["filter"]["note"] == call.function.arguments["query"]
    for content, thinking, _ in both(client, f"fake-reasoning{cut}", PROMPT_WITH_VALUES, think=True):
        assert content == PROMPT_WITH_VALUES and thinking.endswith(PROMPT_WITH_VALUES)
    upstream.assert_never_saw(*VALUES)


@pytest.mark.parametrize("cut", CUTS)
def test_what_the_model_made_up_is_removed(client, cut):
    for said in both(client, f"fake-pii{cut}", "Who is it?", tools=[TOOL]):
        text = repr(said)
        assert "REMOVED]" in text
        assert not any(value in text for value in INVENTED)


def test_embeddings_models_and_the_version(client, upstream):
    assert len(client.embed(model="m", input=[PROMPT_WITH_VALUES, "b"]).embeddings) == 2
    assert len(client.embeddings(model="m", prompt="a").embedding) > 0
    assert "fake-echo" in [model.model for model in client.list().models]
    assert client.ps().models and client.show("fake-echo").capabilities
    upstream.assert_never_saw(*VALUES)


@pytest.mark.parametrize("stream", [False, True])
def test_an_attack_is_refused(client, upstream, stream):
    with pytest.raises(ollama.ResponseError) as raised:
        list(client.chat(model="fake-echo", messages=user(ATTACK), stream=stream))
    assert raised.value.status_code == 403 and "refused by policy" in raised.value.error
    assert upstream.requests() == []


def test_models_are_not_managed_through_here(client, upstream):
    for manage in (
        lambda: client.pull("m"),
        lambda: client.push("m"),
        lambda: client.create("m", from_="n"),
        lambda: client.copy("m", "n"),
        lambda: client.delete("m"),
    ):
        with pytest.raises(ollama.ResponseError) as raised:
            manage()
        assert raised.value.status_code == 403 and "never forwarded" in raised.value.error
    assert upstream.requests() == []


@pytest.mark.parametrize("kind", ["truncate", "no-done", "invalid-sse", "error-event", "duplicate-keys"])
def test_a_stream_that_fails_is_not_taken_for_a_whole_one(client, kind):
    with pytest.raises(ollama.ResponseError):
        for part in client.chat(model=f"fake-{kind}", messages=user(BENIGN * 4), stream=True):
            assert not part.done
