"""Amazon's client for Python, unmodified but for where it goes: Converse and its stream of binary frames.

The client authenticates with a virtual key as its bearer token; Bartizan signs what it sends on.
"""

import json
import os

import boto3
import botocore.config
import botocore.exceptions
import pytest

from support import ATTACK, BENIGN, CUTS, INVENTED, PROMPT_WITH_VALUES, TIMEOUT_S, VALUES


@pytest.fixture(scope="session")
def client(base_url, key):
    """The official client; one attempt per call."""
    os.environ["AWS_BEARER_TOKEN_BEDROCK"] = key
    config = botocore.config.Config(
        retries={"total_max_attempts": 1}, read_timeout=TIMEOUT_S, connect_timeout=TIMEOUT_S
    )
    return boto3.client(
        "bedrock-runtime",
        region_name="eu-central-1",
        endpoint_url=base_url.removesuffix("/v1"),
        config=config,
    )


def asked(model, text, **more):
    return {"modelId": model, "messages": [{"role": "user", "content": [{"text": text}]}], **more}


def said(stream):
    """What the blocks of a stream say, and how it ended."""
    blocks, stop, usage = {}, None, None
    for event in stream:
        if "contentBlockDelta" in event:
            index = event["contentBlockDelta"]["contentBlockIndex"]
            delta = event["contentBlockDelta"]["delta"]
            text = (
                delta.get("text")
                or delta.get("toolUse", {}).get("input")
                or delta.get("reasoningContent", {}).get("text")
                or ""
            )
            blocks[index] = blocks.get(index, "") + text
        stop = event.get("messageStop", {}).get("stopReason", stop)
        usage = event.get("metadata", {}).get("usage", usage)
    return blocks, stop, usage


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("text", [BENIGN, PROMPT_WITH_VALUES], ids=["benign", "personal"])
def test_text(client, upstream, text, cut):
    model = f"fake-echo{cut}"
    answer = client.converse(**asked(model, text))
    assert answer["output"]["message"]["content"] == [{"text": text}]
    assert answer["usage"]["inputTokens"] == len(text.split()) + 7
    blocks, stop, usage = said(client.converse_stream(**asked(model, text))["stream"])
    assert (blocks, stop) == ({0: text}, "end_turn")
    assert usage["outputTokens"] == len(text.split())
    for request in upstream.requests():
        headers = dict(request["headers"])
        assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    upstream.assert_never_saw(*VALUES)


def test_reasoning(client, upstream):
    blocks, _, _ = said(
        client.converse_stream(**asked("fake-reasoning+token", PROMPT_WITH_VALUES))["stream"]
    )
    assert blocks[0].endswith(PROMPT_WITH_VALUES) and blocks[1] == PROMPT_WITH_VALUES
    upstream.assert_never_saw(*VALUES)


def test_tools_get_real_values(client, upstream):
    tool = {"toolSpec": {"name": "search_notes", "description": "Search the notes.",
                         "inputSchema": {"json": {"type": "object"}}}}
    request = asked("fake-tools+token", PROMPT_WITH_VALUES, toolConfig={"tools": [tool]})
    [block] = client.converse(**request)["output"]["message"]["content"]
    assert block["toolUse"]["name"] == "search_notes"
    assert block["toolUse"]["input"]["query"] == PROMPT_WITH_VALUES
    blocks, stop, _ = said(client.converse_stream(**request)["stream"])
    assert json.loads(blocks[0])["query"] == PROMPT_WITH_VALUES
    assert stop == "tool_use"
    upstream.assert_never_saw(*VALUES)


def test_what_the_model_makes_up_is_removed(client):
    seen = str(said(client.converse_stream(**asked("fake-pii+adversarial", BENIGN))["stream"]))
    assert not any(value in seen for value in INVENTED)


@pytest.mark.parametrize("is_stream", [False, True])
def test_an_attack_is_refused(client, upstream, is_stream):
    call = client.converse_stream if is_stream else client.converse
    with pytest.raises(client.exceptions.AccessDeniedException) as raised:
        call(**asked("fake-echo", ATTACK))
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert "refused by policy" in raised.value.response["Error"]["Message"]
    assert upstream.requests() == []


def test_a_stream_that_breaks_is_an_error(client):
    stream = client.converse_stream(**asked("fake-truncate+token", BENIGN))["stream"]
    with pytest.raises(botocore.exceptions.EventStreamError) as raised:
        said(stream)
    assert raised.value.response["Error"]["Code"] == "modelStreamErrorException"


def test_signatures_of_callers_are_not_taken_for_keys(base_url, upstream, monkeypatch):
    monkeypatch.delenv("AWS_BEARER_TOKEN_BEDROCK", raising=False)
    signing = boto3.client(
        "bedrock-runtime",
        region_name="eu-central-1",
        endpoint_url=base_url.removesuffix("/v1"),
        aws_access_key_id="AKIDOFTHECALLER",
        aws_secret_access_key="secret",
        config=botocore.config.Config(retries={"total_max_attempts": 1}),
    )
    with pytest.raises(signing.exceptions.AccessDeniedException) as raised:
        signing.converse(**asked("fake-echo", BENIGN))
    assert "AWS_BEARER_TOKEN_BEDROCK" in raised.value.response["Error"]["Message"]
    assert upstream.requests() == []
