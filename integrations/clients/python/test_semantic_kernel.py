"""Semantic Kernel, unmodified, with OpenAI's client inside: prompts, streams, functions that run, embeddings, refusals."""

import asyncio

import openai
import pytest
from semantic_kernel import Kernel
from semantic_kernel.connectors.ai.function_choice_behavior import FunctionChoiceBehavior
from semantic_kernel.connectors.ai.open_ai import (
    OpenAIChatCompletion,
    OpenAIChatPromptExecutionSettings,
    OpenAITextEmbedding,
)
from semantic_kernel.contents import ChatHistory
from semantic_kernel.exceptions import ServiceResponseException
from semantic_kernel.functions import kernel_function

from support import ATTACK, BENIGN, CUTS, PROMPT_WITH_VALUES, TIMEOUT_S, VALUES


@pytest.fixture
def ask(base_url, key):
    """Runs something with a client, inside a loop of its own."""

    def run(action):
        async def inside():
            async with openai.AsyncOpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=TIMEOUT_S) as client:
                return await action(client)

        return asyncio.run(inside())

    return run


def history(text):
    conversation = ChatHistory()
    conversation.add_user_message(text)
    return conversation


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("text", [BENIGN, PROMPT_WITH_VALUES], ids=["benign", "personal"])
def test_text(ask, upstream, text, cut):
    async def both(client):
        service = OpenAIChatCompletion(ai_model_id=f"fake-echo{cut}", async_client=client)
        settings = OpenAIChatPromptExecutionSettings()
        whole = await service.get_chat_message_content(history(text), settings)
        pieces = [
            str(piece)
            async for piece in service.get_streaming_chat_message_content(history(text), settings)
        ]
        return str(whole), "".join(pieces)

    assert ask(both) == (text, text)
    upstream.assert_never_saw(*VALUES)


class Notes:
    """A plug-in that writes down what it was asked."""

    def __init__(self):
        self.queries = []

    @kernel_function(name="search_notes", description="Search the notes of this workspace.")
    def search_notes(self, query: str, filter: dict, limit: int) -> str:
        self.queries.append(query)
        return f"Nothing about {query}"


def test_functions_run_on_real_values(ask, upstream):
    notes = Notes()

    async def call(client):
        kernel = Kernel()
        service = OpenAIChatCompletion(ai_model_id="fake-tools+token", async_client=client)
        kernel.add_plugin(notes, plugin_name="notes")
        # The fake model asks for the function again and again: the kernel stops after one round.
        choice = FunctionChoiceBehavior.Auto()
        choice.maximum_auto_invoke_attempts = 1
        settings = OpenAIChatPromptExecutionSettings(function_choice_behavior=choice)
        return await service.get_chat_message_content(history(PROMPT_WITH_VALUES), settings, kernel=kernel)

    ask(call)
    assert notes.queries == [PROMPT_WITH_VALUES]
    upstream.assert_never_saw(*VALUES)


def test_embeddings(ask, upstream):
    async def embed(client):
        service = OpenAITextEmbedding(ai_model_id="fake-echo", async_client=client)
        return await service.generate_embeddings([BENIGN, PROMPT_WITH_VALUES])

    assert len(ask(embed)) == 2
    upstream.assert_never_saw(*VALUES)


def test_an_attack_is_refused(ask, upstream):
    async def attack(client):
        service = OpenAIChatCompletion(ai_model_id="fake-echo", async_client=client)
        await service.get_chat_message_content(history(ATTACK), OpenAIChatPromptExecutionSettings())

    with pytest.raises(ServiceResponseException) as raised:
        ask(attack)
    assert isinstance(raised.value.__cause__, openai.PermissionDeniedError)
    assert raised.value.__cause__.code == "policy_block"
    assert upstream.requests() == []
