"""Files and batches: what goes up is inspected line by line, what comes back too."""

import io
import json

import openai
import pytest

from support import ATTACK, EMAIL, INVENTED, VALUES, user

CHAT = "/v1/chat/completions"


def line(custom_id, text, model="fake-echo"):
    body = {"model": model, "messages": user(text)}
    return json.dumps({"custom_id": custom_id, "method": "POST", "url": CHAT, "body": body})


def upload(client, *lines, purpose="batch"):
    file = ("requests.jsonl", io.BytesIO("\n".join(lines).encode()))
    return client.files.create(file=file, purpose=purpose)


def run(client, *lines):
    """A batch of the lines; what it says of each, by its `custom_id`."""
    file = upload(client, *lines)
    batch = client.batches.create(
        input_file_id=file.id, endpoint=CHAT, completion_window="24h", metadata={"team": "red"}
    )
    assert (batch.status, batch.input_file_id) == ("validating", file.id)
    batch = client.batches.retrieve(batch.id)
    assert (batch.status, batch.metadata) == ("completed", {"team": "red"})
    content = client.files.content(batch.output_file_id).text
    return {one["custom_id"]: one["response"] for one in map(json.loads, content.splitlines())}


def text(response):
    return response["body"]["choices"][0]["message"]["content"]


def test_a_batch(client, upstream):
    said = run(client, line("a", "hello"), line("b", f"write to {EMAIL}"))
    assert text(said["a"]) == "hello"
    # The value is not kept until the batch is done: its stand-in stays.
    assert text(said["b"]).startswith("write to [EMAIL-")
    upstream.assert_never_saw(*VALUES)


def test_what_the_model_made_up_is_removed_from_the_output(client, upstream):
    said = run(client, line("a", "make something up", model="fake-pii"))
    for value in INVENTED:
        assert value not in text(said["a"])


def test_an_upload_is_refused_for_one_line_and_names_it(client, upstream):
    with pytest.raises(openai.PermissionDeniedError) as refused:
        upload(client, line("good", "hello"), line("bad-one", ATTACK))
    assert "line 2 (custom_id `bad-one`)" in str(refused.value)
    with pytest.raises(openai.BadRequestError) as malformed:
        upload(client, line("good", "hello"), "{")
    assert malformed.value.code == "invalid_json"
    assert upstream.requests() == []


def test_files_are_shown_and_deleted_by_whoever_made_them(client, base_url, upstream):
    file = upload(client, "Some notes.", purpose="user_data")
    assert client.files.retrieve(file.id).filename == "requests.jsonl"
    assert client.files.delete(file.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve("file-000001")


def test_a_batch_reads_only_what_was_inspected_for_it(client, upstream):
    file = upload(client, line("a", "hello"), purpose="user_data")
    for stranger in [file.id, "file-000001"]:
        with pytest.raises((openai.BadRequestError, openai.NotFoundError)):
            client.batches.create(input_file_id=stranger, endpoint=CHAT, completion_window="24h")


def test_a_batch_is_cancelled(client, upstream):
    file = upload(client, line("a", "hello"))
    batch = client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
    assert client.batches.cancel(batch.id).status == "cancelling"
