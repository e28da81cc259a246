"""The LiteLLM SDK, unmodified, in the two dialects that it speaks with a base URL: text, streams, tools, refusals."""

import json

import litellm
import openai
import pytest

from support import ATTACK, BENIGN, CUTS, PROMPT_WITH_VALUES, TIMEOUT_S, TOOL, VALUES, joined, user

DIALECTS = ["openai", "anthropic"]


@pytest.fixture
def options(base_url, key):
    """What every call says: where, who, and one attempt."""

    def make(dialect, model, text, **more):
        # For Anthropic it appends the path with its version.
        url = base_url if dialect == "openai" else base_url.removesuffix("/v1")
        return {
            "model": f"{dialect}/{model}",
            "messages": user(text),
            "api_base": url,
            "api_key": key,
            "num_retries": 0,
            "max_retries": 0,
            "timeout": TIMEOUT_S,
            "max_tokens": 1024,
            **more,
        }

    return make


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("text", [BENIGN, PROMPT_WITH_VALUES], ids=["benign", "personal"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_text(options, upstream, dialect, text, cut):
    request = options(dialect, f"fake-echo{cut}", text)
    assert litellm.completion(**request).choices[0].message.content == text
    assert joined(litellm.completion(**request, stream=True)) == text
    assert len(upstream.requests()) == 2
    upstream.assert_never_saw(*VALUES)


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_tools_get_real_values(options, upstream, dialect, is_stream):
    request = options(dialect, "fake-tools+token", PROMPT_WITH_VALUES, tools=[TOOL])
    if is_stream:
        answer = litellm.stream_chunk_builder(list(litellm.completion(**request, stream=True)))
    else:
        answer = litellm.completion(**request)
    [call] = answer.choices[0].message.tool_calls
    assert call.function.name == "search_notes"
    assert json.loads(call.function.arguments)["query"] == PROMPT_WITH_VALUES
    upstream.assert_never_saw(*VALUES)


@pytest.mark.parametrize("cut", CUTS)
def test_responses(options, upstream, cut):
    request = options("openai", f"fake-echo{cut}", PROMPT_WITH_VALUES)
    request["input"] = request.pop("messages")
    request["max_output_tokens"] = request.pop("max_tokens")
    del request["num_retries"], request["max_retries"]
    assert litellm.responses(**request).output[0].content[0].text == PROMPT_WITH_VALUES
    events = list(litellm.responses(**request, stream=True))
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == PROMPT_WITH_VALUES
    upstream.assert_never_saw(*VALUES)


def test_embeddings(options, upstream):
    request = options("openai", "fake-echo", PROMPT_WITH_VALUES)
    kept = {name: request[name] for name in ("model", "api_base", "api_key", "timeout")}
    assert len(litellm.embedding(input=[BENIGN, PROMPT_WITH_VALUES], **kept).data) == 2
    upstream.assert_never_saw(*VALUES)


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_attack_is_refused(options, upstream, dialect, is_stream):
    # Its own errors are OpenAI's.
    with pytest.raises(openai.APIError) as raised:
        list(litellm.completion(**options(dialect, "fake-echo", ATTACK, stream=is_stream)))
    assert raised.value.status_code == 403
    assert "refused by policy" in str(raised.value)
    assert upstream.requests() == []
