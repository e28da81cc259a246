"""The official `anthropic` client, unmodified: messages, streams, tools, thinking, personal data, errors."""

import json
import os

import anthropic
import pytest

from support import ATTACK, BENIGN, CUTS, INVENTED, PROMPT_WITH_VALUES, TIMEOUT_S, VALUES, user

INTERNATIONAL = "Grüße aus Zürich, 東京 and 🏰: “quoted”, tabs\tand\nlines; C:\\temp, 3 < 5 & 7 > 2."
INTERACTION = "x-bartizan-interaction"
TOOL = {
    "name": "search_notes",
    "description": "Search the notes of this workspace.",
    "input_schema": {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
}


def connect(url, key, **options):
    """The client; its base URL has no version."""
    options = {"max_retries": 0, "timeout": TIMEOUT_S, **options}
    return anthropic.Anthropic(base_url=url.removesuffix("/v1"), api_key=key, **options)


@pytest.fixture(scope="module")
def client(base_url, key):
    with connect(base_url, key) as client:
        yield client


@pytest.fixture(scope="module")
def direct():
    with connect(os.environ["FAKE_UPSTREAM_BASE_URL"], "sk-ant-any") as client:
        yield client


def asking(model, text=BENIGN, **more):
    return {"model": model, "max_tokens": 1024, "messages": user(text), **more}


def final(client, request):
    """The whole message, put together from its stream by the client's own helper."""
    with client.messages.stream(**request) as stream:
        return stream.get_final_message()


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("text", [BENIGN, INTERNATIONAL, PROMPT_WITH_VALUES], ids=["plain", "international", "personal"])
def test_content_is_what_was_said(client, upstream, text, cut):
    request = asking(f"fake-echo{cut}", text)
    for message in (client.messages.create(**request), final(client, request)):
        assert [block.text for block in message.content] == [text]
        assert (message.stop_reason, message.role) == ("end_turn", "assistant")
        assert text == PROMPT_WITH_VALUES or message.usage.output_tokens == len(text.split())
    first, second = (json.loads(seen["body"]) for seen in upstream.requests())
    assert first["messages"] == second["messages"], "the same conversation has the same masks"
    upstream.assert_never_saw(*VALUES)


def test_bytes_are_kept_both_ways(client, direct, upstream):
    request = asking("fake-echo", stop_sequences=["STOP"], system="Be brief.", metadata={"user_id": "u-1"})
    through = client.messages.with_raw_response.create(**request)
    without = direct.messages.with_raw_response.create(**request)
    assert through.http_response.content == without.http_response.content
    first, second = upstream.requests()
    assert first["body_bytes"] == second["body_bytes"]
    versions = [dict(seen["headers"])["anthropic-version"] for seen in (first, second)]
    assert versions[0] == versions[1]


@pytest.mark.parametrize("is_bearer", [True, False])
def test_the_callers_key_stays_here(base_url, key, upstream, is_bearer):
    headers = {} if is_bearer else {"X-Api-Key": key, "Authorization": anthropic.omit}
    with connect(base_url, key, default_headers=headers) as client:
        client.messages.create(**asking("fake-echo"))
    upstream.assert_never_saw(key, key.split("_")[-1])
    headers = dict(upstream.only_request()["headers"])
    assert headers["x-api-key"] == os.environ["FAKE_UPSTREAM_KEY"]
    assert "authorization" not in headers


def test_beta_and_token_counts(client, upstream):
    beta = "context-management-2025-06-27"
    # Older releases send the query by themselves.
    for query in ({}, {"beta": "true"}):
        message = client.beta.messages.create(**asking("fake-echo"), betas=[beta], extra_query=query)
        assert message.content[0].text == BENIGN
    targets = [seen["target"] for seen in upstream.requests()]
    assert targets == ["/v1/messages", "/v1/messages?beta=true"]
    assert all(dict(seen["headers"])["anthropic-beta"] == beta for seen in upstream.requests())
    request = asking("fake-echo", PROMPT_WITH_VALUES)
    del request["max_tokens"]
    assert client.messages.count_tokens(**request).input_tokens > 0
    upstream.assert_never_saw(*VALUES)


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("kind", ["fake-tools", "fake-two-tools"])
def test_tools_get_real_values(client, upstream, kind, cut):
    request = asking(kind + cut, PROMPT_WITH_VALUES, tools=[TOOL])
    for message in (client.messages.create(**request), final(client, request)):
        calls = [block for block in message.content if block.type == "tool_use"]
        assert message.stop_reason == "tool_use"
        assert {call.name for call in calls} == {"search_notes"}
        for call in calls:
            assert call.input["query"].endswith(PROMPT_WITH_VALUES)
            assert call.input["filter"]["note"] == call.input["query"]
        texts = [block.text for block in message.content if block.type == "text"]
        assert all(PROMPT_WITH_VALUES in text for text in texts)
    upstream.assert_never_saw(*VALUES)


@pytest.mark.parametrize("cut", CUTS)
def test_thinking(client, upstream, cut):
    thinking = {"type": "enabled", "budget_tokens": 1024}
    request = asking(f"fake-reasoning{cut}", PROMPT_WITH_VALUES, thinking=thinking)
    for message in (client.messages.create(**request), final(client, request)):
        thought, said = message.content
        assert thought.thinking.endswith(PROMPT_WITH_VALUES) and thought.signature
        assert said.text == PROMPT_WITH_VALUES
    upstream.assert_never_saw(*VALUES)


def test_a_conversation_goes_on(client, upstream):
    request = asking("fake-tools", PROMPT_WITH_VALUES, tools=[TOOL])
    first = client.messages.create(**request)
    sent = json.loads(upstream.only_request()["body"])
    result = {"type": "tool_result", "tool_use_id": first.content[0].id, "content": f"Sent to {VALUES[0]}."}
    more = [{"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    client.messages.create(**{**request, "messages": request["messages"] + more})
    again = json.loads(upstream.requests()[1]["body"])
    assert again["messages"][0] == sent["messages"][0]
    masked = sent["messages"][0]["content"]
    assert again["messages"][1]["content"][0]["input"]["query"] == masked, "what came back goes out as it was"
    upstream.assert_never_saw(*VALUES)


@pytest.mark.parametrize("cut", CUTS)
def test_what_the_model_made_up_is_removed(client, cut):
    request = asking(f"fake-pii{cut}", "Who is it?", tools=[TOOL])
    for message in (client.messages.create(**request), final(client, request)):
        text = message.model_dump_json()
        assert "REMOVED]" in text
        for value in INVENTED:
            assert value not in text


@pytest.mark.parametrize("stream", [False, True])
def test_an_attack_is_refused_once(base_url, key, upstream, record, stream):
    with connect(base_url, key, max_retries=2) as client:
        with pytest.raises(anthropic.PermissionDeniedError) as raised:
            client.messages.create(**asking("fake-echo", ATTACK), stream=stream)
    error = raised.value
    assert error.body["error"]["type"] == "permission_error"
    assert error.body["error"]["code"] == "policy_block"
    assert error.request_id == error.response.headers[INTERACTION] == error.body["request_id"]
    assert error.request.headers["x-stainless-retry-count"] == "0"
    assert upstream.requests() == [], "nothing reached the upstream"
    opened, closed = record.of(error.request_id)
    assert (opened["dialect"], opened["operation"]) == ("anthropic", "messages")
    assert closed["ending"] == "refused"


def test_other_refusals(base_url, client, upstream):
    stored = [{"role": "user", "content": [{"type": "document", "source": {"type": "file", "file_id": "file_1"}}]}]
    for ask, error, code in (
        (lambda: client.messages.batches.list(), anthropic.NotFoundError, "unknown_endpoint"),
        (
            lambda: client.messages.create(model="m", max_tokens=9, messages=stored),
            anthropic.BadRequestError,
            "field_denied",
        ),
    ):
        with pytest.raises(error) as raised:
            ask()
        assert raised.value.body["error"]["code"] == code
    with connect(base_url, "sk-ant-unknown") as stranger:
        with pytest.raises(anthropic.AuthenticationError):
            stranger.messages.create(**asking("fake-echo"))
    assert upstream.requests() == []


def batch_of(*params):
    return [{"custom_id": f"r{number}", "params": one} for number, one in enumerate(params)]


def finished(client, *params):
    """A batch of the requests, begun and done, and what it says of each, by its `custom_id`."""
    batch = client.messages.batches.create(requests=batch_of(*params))
    assert (batch.type, batch.processing_status) == ("message_batch", "in_progress")
    ended = client.messages.batches.retrieve(batch.id)
    assert (ended.id, ended.processing_status) == (batch.id, "ended")
    return batch, {one.custom_id: one.result for one in client.messages.batches.results(batch.id)}


def test_a_batch(client, upstream):
    batch, said = finished(
        client,
        asking("fake-echo", "hello"),
        asking("fake-echo", PROMPT_WITH_VALUES),
        asking("fake-echo", "again"),
    )
    assert [said["r0"].message.content[0].text, said["r2"].message.content[0].text] == ["hello", "again"]
    # The values are not kept until the batch is done: their stand-ins stay.
    assert "[EMAIL-" in said["r1"].message.content[0].text
    upstream.assert_never_saw(*VALUES)
    assert client.messages.batches.cancel(batch.id).processing_status == "canceling"
    assert client.messages.batches.delete(batch.id).type == "message_batch_deleted"
    with pytest.raises(anthropic.NotFoundError):
        client.messages.batches.retrieve(batch.id)


def test_what_a_model_made_up_is_removed_from_the_results_of_a_batch(client):
    _, said = finished(client, asking("fake-pii", "make something up"))
    for value in INVENTED:
        assert value not in said["r0"].message.content[0].text


def test_a_batch_is_refused_for_one_request_and_names_it(client, upstream):
    with pytest.raises(anthropic.PermissionDeniedError) as refused:
        client.messages.batches.create(requests=batch_of(asking("fake-echo"), asking("fake-echo", ATTACK)))
    assert "requests[1] (custom_id `r1`)" in str(refused.value)
    for stranger in ["msgbatch_000001", "msgbatch_000001~a~b"]:
        with pytest.raises(anthropic.NotFoundError):
            client.messages.batches.retrieve(stranger)
    assert upstream.requests() == []


def test_a_beta_batch(client):
    batch = client.beta.messages.batches.create(requests=batch_of(asking("fake-echo", "hello")))
    said = list(client.beta.messages.batches.results(batch.id))
    assert said[0].result.message.content[0].text == "hello"


@pytest.mark.parametrize("retries", [0, 2])
def test_retries_are_the_clients_own(base_url, key, upstream, retries):
    with connect(base_url, key, max_retries=retries) as client:
        with pytest.raises(anthropic.InternalServerError):
            client.messages.create(**asking("fake-500"))
    assert len(upstream.requests()) == retries + 1


@pytest.mark.parametrize("kind", ["reset", "truncate", "no-done", "invalid-sse", "error-event", "duplicate-keys"])
def test_a_stream_that_fails_is_not_taken_for_a_whole_one(client, kind):
    with pytest.raises(anthropic.APIError):
        for _ in client.messages.create(**asking(f"fake-{kind}", BENIGN * 4), stream=True):
            pass


def test_models_are_listed_page_by_page(client):
    page = client.models.list(limit=2)
    assert len(page.data) == 2 and page.has_more
    listed = [model.id for model in page]
    assert "fake-echo" in listed and len(listed) == len(set(listed)) > 2
    assert client.models.retrieve("fake-echo").display_name == "The model fake-echo"
