"""Azure's client, which names a deployment in the path, a version in the query and its key in a header of its own."""

import openai
import pytest

from support import CUTS, PROMPT_WITH_VALUES, TIMEOUT_S, VALUES, joined, user


@pytest.fixture
def azure(base_url, key):
    """The official Azure client, with nothing changed but where it goes."""
    with openai.AzureOpenAI(
        azure_endpoint=base_url.removesuffix("/v1"),
        api_key=key,
        api_version="2024-10-21",
        max_retries=0,
        timeout=TIMEOUT_S,
    ) as client:
        yield client


@pytest.mark.parametrize("cut", CUTS)
def test_chat(azure, upstream, cut):
    request = {"model": f"fake-echo{cut}", "messages": user(PROMPT_WITH_VALUES)}
    assert azure.chat.completions.create(**request).choices[0].message.content == PROMPT_WITH_VALUES
    assert joined(azure.chat.completions.create(**request, stream=True)) == PROMPT_WITH_VALUES
    upstream.assert_never_saw(*VALUES)


def test_everything_else(azure, upstream, key):
    assert azure.completions.create(model="fake-echo", prompt=PROMPT_WITH_VALUES).choices[0].text == PROMPT_WITH_VALUES
    assert azure.responses.create(model="fake-echo", input=PROMPT_WITH_VALUES).output_text == PROMPT_WITH_VALUES
    assert len(azure.embeddings.create(model="fake-echo", input=PROMPT_WITH_VALUES).data) == 1
    upstream.assert_never_saw(*VALUES, key)


def test_a_wrong_key_is_told_so(base_url):
    endpoint = base_url.removesuffix("/v1")
    with openai.AzureOpenAI(
        azure_endpoint=endpoint, api_key="wrong", api_version="2024-10-21", max_retries=0, timeout=TIMEOUT_S
    ) as client:
        with pytest.raises(openai.AuthenticationError):
            client.chat.completions.create(model="fake-echo", messages=user("hello"))


def test_the_version_1_path(base_url, key, upstream):
    url = base_url.removesuffix("/v1") + "/openai/v1/"
    query = {"api-version": "preview"}
    with openai.OpenAI(
        base_url=url, api_key=key, default_query=query, max_retries=0, timeout=TIMEOUT_S
    ) as client:
        assert client.responses.create(model="fake-echo", input=PROMPT_WITH_VALUES).output_text == PROMPT_WITH_VALUES
    upstream.assert_never_saw(*VALUES)
