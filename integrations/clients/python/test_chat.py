"""Chat completions that nobody has to change: the client cannot tell that Bartizan is there."""

import json
import os
import time

import pytest
from pydantic import BaseModel

from support import BENIGN, CUTS, TOOL, joined, user

INTERNATIONAL = "Grüße aus Zürich, 東京 and 🏰: “quoted”, tabs\tand\nlines; C:\\temp, 3 < 5 & 7 > 2."


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("text", [BENIGN, INTERNATIONAL], ids=["plain", "international"])
def test_content_is_identical(client, upstream, text, cut):
    answer = client.chat.completions.create(model=f"fake-echo{cut}", messages=user(text))
    assert answer.choices[0].message.content == text
    assert answer.choices[0].finish_reason == "stop"

    chunks = list(client.chat.completions.create(model=f"fake-echo{cut}", messages=user(text), stream=True))
    assert joined(chunks) == text
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert len({chunk.id for chunk in chunks}) == 1
    assert len(upstream.requests()) == 2


def test_bytes_are_kept_both_ways(client, direct, upstream):
    request = {"model": "fake-echo", "messages": user(BENIGN), "temperature": 0.25, "seed": 7}
    through = client.chat.completions.with_raw_response.create(**request)
    without = direct.chat.completions.with_raw_response.create(**request)
    assert through.content == without.content
    first, second = upstream.requests()
    assert first["body_bytes"] == second["body_bytes"]
    assert through.headers["content-type"] == without.headers["content-type"]


def test_the_callers_key_stays_here(client, key, upstream):
    client.chat.completions.create(model="fake-echo", messages=user(BENIGN))
    upstream.assert_never_saw(key, key.split("_")[-1])
    headers = dict(upstream.only_request()["headers"])
    assert headers["authorization"] == f"Bearer {os.environ['FAKE_UPSTREAM_KEY']}"


def test_usage_at_the_end_of_a_stream(client, direct):
    request = {
        "model": "fake-echo",
        "messages": user(BENIGN),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    through = list(client.chat.completions.create(**request))
    without = list(direct.chat.completions.create(**request))
    assert through[-1].choices == []
    assert through[-1].usage == without[-1].usage


@pytest.mark.parametrize("cut", CUTS)
def test_two_choices(client, cut):
    request = {"model": f"fake-echo{cut}", "messages": user(BENIGN), "n": 2}
    expected = [f"Choice 1: {BENIGN}", f"Choice 2: {BENIGN}"]
    answer = client.chat.completions.create(**request)
    assert [choice.message.content for choice in answer.choices] == expected
    chunks = list(client.chat.completions.create(**request, stream=True))
    assert [joined(chunks, 0), joined(chunks, 1)] == expected


@pytest.mark.parametrize("cut", CUTS)
def test_a_tool_call(client, cut):
    request = {"model": f"fake-tools{cut}", "messages": user(BENIGN), "tools": [TOOL]}
    answer = client.chat.completions.create(**request)
    with client.chat.completions.stream(**request) as stream:
        streamed = stream.get_final_completion()
    for completion in (answer, streamed):
        choice = completion.choices[0]
        assert choice.finish_reason == "tool_calls"
        [call] = choice.message.tool_calls
        assert call.function.name == "search_notes"
        arguments = json.loads(call.function.arguments)
        assert arguments["query"] == BENIGN
        assert arguments["filter"]["note"] == BENIGN


@pytest.mark.parametrize("cut", CUTS)
def test_parallel_tool_calls(client, cut):
    request = {"model": f"fake-two-tools{cut}", "messages": user(BENIGN), "tools": [TOOL]}
    answer = client.chat.completions.create(**request, parallel_tool_calls=True)
    with client.chat.completions.stream(**request, parallel_tool_calls=True) as stream:
        streamed = stream.get_final_completion()
    for completion in (answer, streamed):
        message = completion.choices[0].message
        assert message.content == f"I will look this up: {BENIGN}"
        queries = [json.loads(call.function.arguments)["query"] for call in message.tool_calls]
        assert queries == [BENIGN, f"again: {BENIGN}"]
        assert len({call.id for call in message.tool_calls}) == 2


def test_a_tools_result_goes_back(client, upstream):
    messages = [
        *user("How long is the bridge?"),
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "search_notes", "arguments": '{"query":"bridge"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "The bridge is 312 metres long."},
    ]
    client.chat.completions.create(model="fake-echo", messages=messages, tools=[TOOL])
    assert json.loads(upstream.only_request()["body"])["messages"] == messages


def test_parts_of_content(client, upstream):
    pixel = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    content = [
        {"type": "text", "text": "What is in this picture?"},
        {"type": "image_url", "image_url": {"url": pixel, "detail": "low"}},
    ]
    answer = client.chat.completions.create(
        model="fake-echo", messages=[{"role": "user", "content": content}]
    )
    assert answer.choices[0].message.content == "What is in this picture?"
    assert json.loads(upstream.only_request()["body"])["messages"][0]["content"] == content


class Book(BaseModel):
    """A book about optics."""

    title: str
    year: int


def test_structured_output(client):
    wanted = Book(title="Opticks", year=1704)
    answer = client.chat.completions.parse(
        model="fake-echo", messages=user(wanted.model_dump_json()), response_format=Book
    )
    assert answer.choices[0].message.parsed == wanted


def test_log_probabilities_of_an_unchanged_text(client):
    answer = client.chat.completions.create(
        model="fake-logprobs", messages=user(BENIGN), logprobs=True, top_logprobs=2
    )
    assert "".join(token.token for token in answer.choices[0].logprobs.content) == BENIGN


def test_a_refusal_of_the_model_is_not_ours(client):
    answer = client.chat.completions.create(model="fake-refusal", messages=user(BENIGN))
    assert answer.choices[0].message.refusal == f"I cannot help with this: {BENIGN}"


def test_a_long_answer(client, direct):
    request = {"model": "fake-long+deltas-64", "messages": user("Count the ferries.")}
    through = client.chat.completions.create(**request).choices[0].message.content
    without = direct.chat.completions.create(**request).choices[0].message.content
    assert through == without
    assert joined(client.chat.completions.create(**request, stream=True)) == without


def test_a_stream_flows_while_it_is_written(client):
    times = []
    started = time.monotonic()
    for _ in client.chat.completions.create(
        model="fake-slow+deltas-30", messages=user("Tell me slowly."), stream=True
    ):
        times.append(time.monotonic() - started)
    assert times[0] < times[-1] / 2, "the first delta came no sooner than half of the whole"


def test_models(client, direct):
    through = [model.id for model in client.models.list()]
    assert "fake-echo" in through
    assert through == [model.id for model in direct.models.list()]
