"""Personal data in a prompt never reaches the model, and comes back whole to the caller who sent it."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest

from support import CUTS, EMAIL, INVENTED, PROMPT_WITH_VALUES, TIMEOUT_S, TOOL, VALUES, joined, user


@pytest.mark.parametrize("cut", CUTS)
def test_masked_on_the_way_out_and_restored_on_the_way_back(client, upstream, cut):
    request = {"model": f"fake-echo{cut}", "messages": user(PROMPT_WITH_VALUES)}
    answer = client.chat.completions.create(**request)
    assert answer.choices[0].message.content == PROMPT_WITH_VALUES
    assert joined(client.chat.completions.create(**request, stream=True)) == PROMPT_WITH_VALUES

    upstream.assert_never_saw(*VALUES)
    first, second = (json.loads(seen["body"])["messages"] for seen in upstream.requests())
    assert first == second, "the same conversation has the same masks"
    assert first[0]["content"].startswith("Please write to [EMAIL")


@pytest.mark.parametrize("cut", CUTS)
def test_both_choices(client, upstream, cut):
    request = {"model": f"fake-echo{cut}", "messages": user(PROMPT_WITH_VALUES), "n": 2}
    expected = [f"Choice 1: {PROMPT_WITH_VALUES}", f"Choice 2: {PROMPT_WITH_VALUES}"]
    answer = client.chat.completions.create(**request)
    assert [choice.message.content for choice in answer.choices] == expected
    chunks = list(client.chat.completions.create(**request, stream=True))
    assert [joined(chunks, 0), joined(chunks, 1)] == expected
    upstream.assert_never_saw(*VALUES)


@pytest.mark.parametrize("choices", [1, 2])
@pytest.mark.parametrize("kind", ["fake-tools", "fake-two-tools"])
@pytest.mark.parametrize("cut", CUTS)
def test_tool_arguments(client, upstream, cut, kind, choices):
    request = {
        "model": kind + cut,
        "messages": user(PROMPT_WITH_VALUES),
        "tools": [TOOL],
        "n": choices,
    }
    answer = client.chat.completions.create(**request)
    with client.chat.completions.stream(**request) as stream:
        streamed = stream.get_final_completion()
    for completion in (answer, streamed):
        assert len(completion.choices) == choices
        for choice in completion.choices:
            said = f"Choice {choice.index + 1}: {PROMPT_WITH_VALUES}" if choices > 1 else PROMPT_WITH_VALUES
            queries = [json.loads(call.function.arguments)["query"] for call in choice.message.tool_calls]
            expected = [said] if kind == "fake-tools" else [said, f"again: {said}"]
            assert queries == expected
            notes = [json.loads(call.function.arguments)["filter"]["note"] for call in choice.message.tool_calls]
            assert notes == queries
    upstream.assert_never_saw(*VALUES)


def test_every_place_of_a_conversation(client, upstream):
    messages = [
        {"role": "system", "content": f"You write for {VALUES[0]}."},
        {"role": "developer", "content": f"The card on file is {VALUES[1]}."},
        {"role": "user", "name": "jane", "content": [{"type": "text", "text": f"My number is {VALUES[2]}."}]},
        {
            "role": "assistant",
            "content": f"Noted: {VALUES[2]}.",
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "search_notes", "arguments": json.dumps({"query": VALUES[3]})},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": f"Account {VALUES[3]} belongs to {VALUES[0]}."},
        {"role": "user", "content": f"Repeat it all: {' '.join(VALUES)}"},
    ]
    answer = client.chat.completions.create(
        model="fake-echo", messages=messages, tools=[TOOL], user="user-1", metadata={"note": VALUES[0]}, store=False
    )
    assert answer.choices[0].message.content == f"Repeat it all: {' '.join(VALUES)}"
    upstream.assert_never_saw(*VALUES)


def test_reasoning_and_legacy_functions(client, upstream):
    answer = client.chat.completions.create(model="fake-reasoning", messages=user(PROMPT_WITH_VALUES))
    assert answer.choices[0].message.reasoning_content == f"The user wrote: {PROMPT_WITH_VALUES}"
    chunks = client.chat.completions.create(
        model="fake-reasoning+token", messages=user(PROMPT_WITH_VALUES), stream=True
    )
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    reasoning = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
    assert reasoning == f"The user wrote: {PROMPT_WITH_VALUES}"

    answer = client.chat.completions.create(
        model="fake-function",
        messages=user(PROMPT_WITH_VALUES),
        functions=[{"name": "lookup", "parameters": {"type": "object", "properties": {}}}],
    )
    arguments = json.loads(answer.choices[0].message.function_call.arguments)
    assert arguments["query"] == PROMPT_WITH_VALUES
    upstream.assert_never_saw(*VALUES)


def test_structured_text_stays_readable(client, upstream):
    note = {"to": EMAIL, "lines": [f"card {VALUES[1]}", "ünïcode \" and \\ stay"]}
    text = json.dumps(note)
    answer = client.chat.completions.create(model="fake-echo+ascii", messages=user(text))
    assert json.loads(answer.choices[0].message.content) == note
    upstream.assert_never_saw(EMAIL, VALUES[1])


@pytest.mark.parametrize("cut", CUTS)
def test_what_the_model_made_up_is_removed(client, cut):
    request = {"model": f"fake-pii{cut}", "messages": user("Who lives next door?"), "tools": [TOOL]}
    answer = client.chat.completions.create(**request)
    with client.chat.completions.stream(**request) as stream:
        streamed = stream.get_final_completion()
    for completion in (answer, streamed):
        message = completion.choices[0].message
        arguments = message.tool_calls[0].function.arguments
        assert "Marie Keller" in message.content, "the rest of the text is still there"
        json.loads(arguments)
        for value in INVENTED:
            assert value not in message.content
            assert value not in arguments


def test_a_mask_of_somebody_else_is_not_restored(client, upstream):
    client.chat.completions.create(model="fake-echo", messages=user(f"Write to {EMAIL}"))
    seen = json.loads(upstream.only_request()["body"])["messages"][0]["content"]
    mask = seen.removeprefix("Write to ")
    assert mask.startswith("[EMAIL")
    answer = client.chat.completions.create(model="fake-echo", messages=user(f"Who is {mask}?"))
    assert EMAIL not in answer.choices[0].message.content


def test_callers_at_the_same_time_get_their_own(client, upstream):
    def ask(number):
        text = f"Please write to caller{number}@example.com about the garden."
        model = "fake-echo+token" if number % 2 else "fake-slow+deltas-12+pace-5+token"
        chunks = list(client.chat.completions.create(model=model, messages=user(text), stream=True))
        return text, joined(chunks)

    with ThreadPoolExecutor(16) as pool:
        for text, answer in pool.map(ask, range(64)):
            assert answer.startswith(text)
    upstream.assert_never_saw(*(f"caller{number}@example.com" for number in range(64)))


def test_the_async_client(base_url, key, upstream):
    async def ask(client, number):
        text = f"Please write to async{number}@example.com about the garden."
        stream = await client.chat.completions.create(
            model="fake-echo+adversarial", messages=user(text), stream=True
        )
        return text, joined([chunk async for chunk in stream])

    async def ask_all():
        async with openai.AsyncOpenAI(
            base_url=base_url, api_key=key, max_retries=0, timeout=TIMEOUT_S
        ) as client:
            return await asyncio.gather(*(ask(client, number) for number in range(32)))

    for text, answer in asyncio.run(ask_all()):
        assert answer == text
    upstream.assert_never_saw("@example.com")


def test_embeddings(client, direct, upstream):
    plain = ["The castle stands on a hill.", "Ships pass below."]
    through = client.embeddings.create(model="fake-echo", input=plain)
    without = direct.embeddings.create(model="fake-echo", input=plain)
    assert [item.embedding for item in through.data] == [item.embedding for item in without.data]

    upstream.clear()
    client.embeddings.create(model="fake-echo", input=PROMPT_WITH_VALUES, encoding_format="float")
    client.embeddings.create(model="fake-echo", input=["nothing here", PROMPT_WITH_VALUES], dimensions=8)
    assert len(upstream.requests()) == 2
    upstream.assert_never_saw(*VALUES)
