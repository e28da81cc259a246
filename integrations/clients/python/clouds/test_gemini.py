"""Google's Gen AI SDK, unmodified but for where it goes: text, streams, thoughts, tools, tokens, vectors, refusals."""

import pytest
from google import genai
from google.genai import errors, types

from support import ATTACK, BENIGN, CUTS, INVENTED, PROMPT_WITH_VALUES, TIMEOUT_S, VALUES

TOOLS = [
    types.Tool(
        function_declarations=[
            types.FunctionDeclaration(
                name="search_notes",
                description="Search the notes of this workspace.",
                parameters_json_schema={"type": "object", "properties": {"query": {"type": "string"}}},
            )
        ]
    )
]


@pytest.fixture(scope="session")
def client(base_url, key):
    """The official client with a virtual key for its API key."""
    options = types.HttpOptions(base_url=base_url.removesuffix("/v1"), timeout=TIMEOUT_S * 1000)
    return genai.Client(api_key=key, vertexai=False, http_options=options)


# It takes a comment in a stream for an event that it cannot read; Google sends none.
@pytest.mark.parametrize("cut", [cut for cut in CUTS if "comments" not in cut])
@pytest.mark.parametrize("text", [BENIGN, PROMPT_WITH_VALUES], ids=["benign", "personal"])
def test_text(client, upstream, text, cut):
    model = f"fake-echo{cut}"
    answer = client.models.generate_content(model=model, contents=text)
    assert answer.text == text
    chunks = list(client.models.generate_content_stream(model=model, contents=text))
    assert "".join(chunk.text or "" for chunk in chunks) == text
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
    requests = upstream.requests()
    assert [request["target"].split(":")[-1] for request in requests] == [
        "generateContent",
        "streamGenerateContent?alt=sse",
    ]
    upstream.assert_never_saw(*VALUES)


def test_conversations(client, upstream):
    chat = client.chats.create(
        model="fake-echo",
        config=types.GenerateContentConfig(system_instruction="Be kind.", temperature=0.5),
    )
    assert chat.send_message(PROMPT_WITH_VALUES).text == PROMPT_WITH_VALUES
    assert chat.send_message(BENIGN).text == BENIGN
    body = upstream.requests()[-1]["body"]
    assert "Be kind." in body and '"model"' in body
    upstream.assert_never_saw(*VALUES)


def test_thoughts_and_candidates(client, upstream):
    answer = client.models.generate_content(model="fake-reasoning", contents=PROMPT_WITH_VALUES)
    thought, said = answer.candidates[0].content.parts
    assert thought.thought and thought.text.endswith(PROMPT_WITH_VALUES)
    assert said.text == PROMPT_WITH_VALUES
    config = types.GenerateContentConfig(candidate_count=2)
    texts = {0: "", 1: ""}
    for chunk in client.models.generate_content_stream(
        model="fake-n2+token", contents=PROMPT_WITH_VALUES, config=config
    ):
        for candidate in chunk.candidates:
            for part in candidate.content.parts:
                texts[candidate.index or 0] += part.text
    assert all(text.endswith(PROMPT_WITH_VALUES) for text in texts.values()), texts
    upstream.assert_never_saw(*VALUES)


@pytest.mark.parametrize("is_stream", [False, True])
def test_tools_get_real_values(client, upstream, is_stream):
    config = types.GenerateContentConfig(tools=TOOLS)
    request = {"model": "fake-tools", "contents": PROMPT_WITH_VALUES, "config": config}
    if is_stream:
        chunks = client.models.generate_content_stream(**request)
        calls = [call for chunk in chunks for call in chunk.function_calls or []]
    else:
        calls = client.models.generate_content(**request).function_calls
    [call] = calls
    assert (call.name, call.args["query"]) == ("search_notes", PROMPT_WITH_VALUES)
    upstream.assert_never_saw(*VALUES)


def test_what_the_model_makes_up_is_removed(client):
    chunks = client.models.generate_content_stream(model="fake-pii+adversarial", contents=BENIGN)
    seen = "".join(str(chunk) for chunk in chunks)
    assert not any(value in seen for value in INVENTED)


def test_tokens_vectors_and_models(client, upstream):
    counted = client.models.count_tokens(model="fake-echo", contents=PROMPT_WITH_VALUES)
    assert counted.total_tokens > 7
    vectors = client.models.embed_content(model="fake-echo", contents=[BENIGN, PROMPT_WITH_VALUES])
    assert len(vectors.embeddings) == 2
    upstream.assert_never_saw(*VALUES)
    assert any(model.name == "models/fake-echo" for model in client.models.list())
    assert client.models.get(model="fake-echo").name == "models/fake-echo"


@pytest.mark.parametrize("is_stream", [False, True])
def test_an_attack_is_refused(client, upstream, is_stream):
    request = {"model": "fake-echo", "contents": ATTACK}
    with pytest.raises(errors.ClientError) as raised:
        if is_stream:
            list(client.models.generate_content_stream(**request))
        else:
            client.models.generate_content(**request)
    assert (raised.value.code, raised.value.status) == (403, "PERMISSION_DENIED")
    assert "refused by policy" in raised.value.message
    assert upstream.requests() == []


def test_a_stream_that_breaks_is_an_error(client):
    with pytest.raises(errors.ServerError) as raised:
        list(client.models.generate_content_stream(model="fake-truncate+token", contents=BENIGN))
    assert raised.value.code == 500
