"""Realtime sessions over WebSocket, with the official client unchanged but for where it goes."""

import openai
import pytest

from support import ATTACK, BENIGN, PROMPT_WITH_VALUES, TIMEOUT_S, VALUES

MODEL = "fake-echo"


def say(connection, text):
    connection.conversation.item.create(
        item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    )


def hear(connection, kind):
    """The events up to and including the first of a type."""
    events = []
    for event in connection:
        events.append(event)
        if event.type == kind:
            return events
    raise AssertionError(f"no {kind} after {[event.type for event in events]}")


@pytest.mark.parametrize("text", [BENIGN, PROMPT_WITH_VALUES], ids=["plain", "values"])
def test_text(client, upstream, text):
    with client.realtime.connect(model=MODEL) as connection:
        hear(connection, "session.created")
        connection.session.update(session={"type": "realtime", "instructions": "Repeat it."})
        [updated] = hear(connection, "session.updated")
        assert updated.session.instructions == "Repeat it."
        say(connection, text)
        connection.response.create()
        events = hear(connection, "response.done")
    deltas = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    [done] = [event.text for event in events if event.type == "response.output_text.done"]
    assert deltas == done == text
    assert events[-1].response.output[0].content[0].text == text
    upstream.assert_never_saw(*VALUES)


def test_sound_comes_with_its_transcript(client):
    with client.realtime.connect(model=MODEL) as connection:
        say(connection, "hello there")
        connection.response.create(response={"output_modalities": ["audio"]})
        events = hear(connection, "response.done")
    kinds = [event.type for event in events]
    assert kinds.index("response.output_audio_transcript.delta") < kinds.index("response.output_audio.delta")
    assert kinds.index("response.output_audio.done") < kinds.index("response.output_audio_transcript.done")


def test_an_attack_is_told_as_an_error_and_not_sent_on(client, upstream):
    with client.realtime.connect(model=MODEL) as connection:
        hear(connection, "session.created")
        say(connection, ATTACK)
        error = hear(connection, "error")[-1].error
    assert error.code == "policy_block" and error.type == "policy_violation"
    upstream.assert_never_saw("Ignore all previous instructions")


def test_a_wrong_key_opens_nothing(base_url):
    with openai.OpenAI(base_url=base_url, api_key="btz_0000000000_nothing", timeout=TIMEOUT_S) as client:
        with pytest.raises(Exception, match="401"):
            with client.realtime.connect(model=MODEL):
                pass


def test_secrets_for_clients_are_not_made(client, upstream):
    with pytest.raises(openai.PermissionDeniedError) as raised:
        client.realtime.client_secrets.create()
    assert raised.value.code == "endpoint_denied"
    assert upstream.requests() == []
