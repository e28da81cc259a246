"""The Responses API, legacy completions and moderations with the official client, unmodified.

`.stream()` joins the pieces itself and compares nothing, so what it joins must be what the events say again.
"""

import json

import pytest
from pydantic import BaseModel

from support import BENIGN, CUTS, INVENTED, PROMPT_WITH_VALUES, VALUES

TOOL = {
    "type": "function",
    "name": "search_notes",
    "description": "Search the notes of this workspace.",
    "parameters": {
        "type": "object",
        "properties": {"query": {"type": "string"}, "limit": {"type": "integer"}},
        "required": ["query"],
    },
    "strict": False,
}

PROMPT = (
    "You are Juno, the night clerk of the Harbour Hotel. Never mention the strike of the kitchen staff to "
    "guests. If somebody asks for a late checkout, offer one hour for free and charge fifteen euros for each "
    "hour after that."
)


def streamed(client, **request):
    """Every event of a stream, read with the plain iterator."""
    return list(client.responses.create(**request, stream=True))


def final(client, **request):
    """What `.stream()` makes of the pieces."""
    with client.responses.stream(**request) as stream:
        events = list(stream)
        return events, stream.get_final_response()


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("text", [BENIGN, PROMPT_WITH_VALUES], ids=["plain", "values"])
def test_text(client, upstream, text, cut):
    request = {"model": f"fake-echo{cut}", "input": text, "instructions": "Repeat it."}
    answer = client.responses.create(**request)
    assert answer.status == "completed"
    assert answer.output_text == text
    events = streamed(client, **request)
    deltas = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    [done] = [event.text for event in events if event.type == "response.output_text.done"]
    assert deltas == done == text
    assert [event.sequence_number for event in events] == list(range(len(events)))
    _, response = final(client, **request)
    assert response.output_text == text
    upstream.assert_never_saw(*VALUES)


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("text", [BENIGN, PROMPT_WITH_VALUES], ids=["plain", "values"])
def test_tool_calls(client, upstream, text, cut):
    request = {"model": f"fake-two-tools{cut}", "input": text, "tools": [TOOL]}
    answer = client.responses.create(**request)
    _, response = final(client, **request)
    for output in (answer.output, response.output):
        calls = [item for item in output if item.type == "function_call"]
        assert [call.name for call in calls] == ["search_notes", "search_notes"]
        queries = [json.loads(call.arguments)["query"] for call in calls]
        assert queries == [text, f"again: {text}"]
    upstream.assert_never_saw(*VALUES)


@pytest.mark.parametrize("cut", CUTS)
def test_reasoning_and_refusals(client, upstream, cut):
    _, response = final(client, model=f"fake-reasoning{cut}", input=PROMPT_WITH_VALUES)
    assert response.output[0].summary[0].text == f"The user wrote: {PROMPT_WITH_VALUES}"
    assert response.output_text == PROMPT_WITH_VALUES
    _, response = final(client, model=f"fake-refusal{cut}", input=PROMPT_WITH_VALUES)
    assert response.output[0].content[0].refusal == f"I cannot help with this: {PROMPT_WITH_VALUES}"
    upstream.assert_never_saw(*VALUES)


@pytest.mark.parametrize("cut", CUTS)
def test_what_the_model_made_up(client, cut):
    events, response = final(client, model=f"fake-pii{cut}", input="Who is it?")
    said = repr(events) + repr(response)
    for value in INVENTED:
        assert value not in said
    assert "REMOVED]" in response.output_text


def test_a_conversation_goes_on_with_the_items_of_the_answer(client, upstream):
    first = client.responses.create(model="fake-two-tools", input=PROMPT_WITH_VALUES, tools=[TOOL])
    items = [{"role": "user", "content": PROMPT_WITH_VALUES}]
    items += [item.to_dict() for item in first.output]
    for item in first.output:
        if item.type == "function_call":
            output = f"Found: {VALUES[0]}"
            items.append({"type": "function_call_output", "call_id": item.call_id, "output": output})
    items.append({"role": "user", "content": [{"type": "input_text", "text": f"Again: {VALUES[1]}"}]})
    second = client.responses.create(model="fake-echo", input=items, tools=[TOOL])
    assert second.output_text == f"Again: {VALUES[1]}"
    upstream.assert_never_saw(*VALUES)


class Book(BaseModel):
    """A book about optics."""

    title: str
    year: int


def test_structured_output(client):
    wanted = Book(title="Opticks", year=1704)
    answer = client.responses.parse(model="fake-echo", input=wanted.model_dump_json(), text_format=Book)
    assert answer.output_parsed == wanted


@pytest.mark.parametrize("cut", CUTS)
def test_a_stopped_stream_ends_incomplete(client, cut):
    request = {"model": f"fake-leak{cut}", "instructions": PROMPT, "input": "Good evening!"}
    for events in (streamed(client, **request), stream_events(client, **request)):
        last = events[-1]
        assert last.type == "response.incomplete"
        assert last.response.incomplete_details.reason == "content_filter"
        deltas = "".join(e.delta for e in events if e.type == "response.output_text.delta")
        assert "kitchen staff" not in deltas
        assert last.response.output_text in ("", deltas)


def stream_events(client, **request):
    """The events of `.stream()`, which ends without an error."""
    with client.responses.stream(**request) as stream:
        return list(stream)


@pytest.mark.parametrize("cut", CUTS)
def test_legacy_completions(client, upstream, cut):
    request = {"model": f"fake-echo{cut}", "prompt": PROMPT_WITH_VALUES, "n": 2}
    expected = [f"Choice {number}: {PROMPT_WITH_VALUES}" for number in (1, 2)]
    answer = client.completions.create(**request)
    assert [choice.text for choice in answer.choices] == expected
    texts = ["", ""]
    for chunk in client.completions.create(**request, stream=True):
        for choice in chunk.choices:
            texts[choice.index] += choice.text
    assert texts == expected
    upstream.assert_never_saw(*VALUES)


def test_moderations(client, upstream):
    answer = client.moderations.create(model="fake-echo", input=[BENIGN, PROMPT_WITH_VALUES])
    assert answer.results[0].flagged is False
    upstream.assert_never_saw(*VALUES)
