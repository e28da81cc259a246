"""Every interaction is on record, opened and closed, and the record verifies."""

from support import BENIGN, PROMPT_WITH_VALUES, VALUES, user

INTERACTION = "x-bartizan-interaction"


def test_every_interaction_is_on_record(client, record):
    ask = client.chat.completions.with_raw_response.create
    ids = {}
    for stream in (False, True):
        for text in (BENIGN, PROMPT_WITH_VALUES):
            answer = ask(model="fake-echo", messages=user(text), stream=stream)
            if stream:
                list(answer.parse())
            ids[answer.headers[INTERACTION]] = (stream, text)
    embedded = client.embeddings.with_raw_response.create(model="fake-echo", input=BENIGN)
    listed = client.models.with_raw_response.list()

    for interaction, (stream, text) in ids.items():
        opened, closed = record.of(interaction)
        assert opened["operation"] == "chat.completions"
        assert opened["dialect"] == "openai"
        assert opened["streamed"] is stream
        assert opened["model"] == "fake-echo"
        assert opened["guards"], "the record says which guards ran"
        assert closed["ending"] == "answered"
        assert closed["status"] == 200
        assert closed.get("restored", 0) == (0 if text == BENIGN else len(VALUES))
    assert record.of(embedded.headers[INTERACTION])[0]["operation"] == "embeddings"
    assert record.of(listed.headers[INTERACTION])[0]["operation"] == "models"


def test_the_record_holds_no_content(client, record):
    answer = client.chat.completions.with_raw_response.create(
        model="fake-echo", messages=user(PROMPT_WITH_VALUES)
    )
    record.of(answer.headers[INTERACTION])
    text = record.run("log", "tail", "--lines", "1000000", "--format", "json")
    for value in (*VALUES, "Please write to"):
        assert value not in text


def test_the_record_verifies(record):
    record.run("log", "verify")
