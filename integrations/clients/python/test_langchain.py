"""`langchain-openai`, unmodified: chat, streams, tools, structured output, embeddings, errors."""

import asyncio

import openai
import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

from support import ATTACK, BENIGN, INVENTED, PROMPT_WITH_VALUES, TIMEOUT_S, VALUES


@pytest.fixture
def model(base_url, key):
    def make(name, **options):
        return ChatOpenAI(
            model=name, base_url=base_url, api_key=key, max_retries=0, timeout=TIMEOUT_S, **options
        )

    return make


@tool
def search_notes(query: str, limit: int = 10) -> str:
    """Search the notes of this workspace."""
    return f"{limit} notes about {query}"


@pytest.mark.parametrize("text", [BENIGN, PROMPT_WITH_VALUES], ids=["benign", "personal"])
def test_invoke_and_stream(model, upstream, text):
    assert model("fake-echo").invoke(text).content == text
    pieces = [chunk.content for chunk in model("fake-echo+adversarial+cut1").stream(text)]
    assert "".join(pieces) == text
    assert len(upstream.requests()) == 2
    upstream.assert_never_saw(*VALUES)


def test_batch_and_async(model, upstream):
    texts = [f"Please write to batch{number}@example.com about the garden." for number in range(8)]
    assert [answer.content for answer in model("fake-echo+token").batch(texts)] == texts

    async def ask():
        return [chunk.content async for chunk in model("fake-echo+token").astream(PROMPT_WITH_VALUES)]

    assert "".join(asyncio.run(ask())) == PROMPT_WITH_VALUES
    upstream.assert_never_saw("@example.com", *VALUES)


def test_two_choices(model, upstream):
    answer = model("fake-echo", n=2).generate([[HumanMessage(PROMPT_WITH_VALUES)]])
    texts = [generation.text for generation in answer.generations[0]]
    assert texts == [f"Choice 1: {PROMPT_WITH_VALUES}", f"Choice 2: {PROMPT_WITH_VALUES}"]
    upstream.assert_never_saw(*VALUES)


@pytest.mark.parametrize("is_stream", [False, True])
def test_tools_get_real_values(model, upstream, is_stream):
    bound = model("fake-two-tools+token").bind_tools([search_notes])
    if is_stream:
        answer = None
        for chunk in bound.stream(PROMPT_WITH_VALUES):
            answer = chunk if answer is None else answer + chunk
    else:
        answer = bound.invoke(PROMPT_WITH_VALUES)
    queries = [call["args"]["query"] for call in answer.tool_calls]
    assert queries == [PROMPT_WITH_VALUES, f"again: {PROMPT_WITH_VALUES}"]
    upstream.assert_never_saw(*VALUES)


def test_a_turn_with_a_tool(model, upstream):
    bound = model("fake-tools").bind_tools([search_notes])
    asked = HumanMessage(PROMPT_WITH_VALUES)
    answer = bound.invoke([asked])
    assert isinstance(answer, AIMessage)
    results = [
        ToolMessage(search_notes.invoke(call["args"]), tool_call_id=call["id"])
        for call in answer.tool_calls
    ]
    assert VALUES[0] in results[0].content, "the tool ran on the real values"
    last = model("fake-echo").invoke([asked, answer, *results, HumanMessage("Thank you.")])
    assert last.content == "Thank you."
    upstream.assert_never_saw(*VALUES)


class Letter(BaseModel):
    """A letter to be sent."""

    to: str
    text: str


def test_structured_output(model, upstream):
    letter = Letter(to=VALUES[0], text=f"Your account is {VALUES[3]}.")
    structured = model("fake-echo").with_structured_output(Letter, method="json_schema")
    assert structured.invoke(letter.model_dump_json()) == letter
    upstream.assert_never_saw(VALUES[0], VALUES[3])


def test_what_the_model_made_up_is_removed(model):
    answer = model("fake-pii").bind_tools([search_notes]).invoke("Who lives next door?")
    for value in INVENTED:
        assert value not in answer.content
        assert value not in str(answer.tool_calls)


def test_embeddings(base_url, key, upstream):
    # Without the length check it sends text instead of tokens; counting tokens would need a download.
    embeddings = OpenAIEmbeddings(
        model="fake-echo", base_url=base_url, api_key=key, check_embedding_ctx_length=False
    )
    vectors = embeddings.embed_documents([BENIGN, PROMPT_WITH_VALUES])
    assert len(vectors) == 2
    assert len(vectors[0]) == len(vectors[1]) > 0
    upstream.assert_never_saw(*VALUES)


@pytest.mark.parametrize("is_stream", [False, True])
def test_an_attack_is_refused(model, upstream, is_stream):
    with pytest.raises(openai.PermissionDeniedError) as raised:
        if is_stream:
            list(model("fake-echo").stream(ATTACK))
        else:
            model("fake-echo").invoke(ATTACK)
    assert raised.value.code == "policy_block"
    assert upstream.requests() == []
