"""Amazon's client for Python, unmodified but for where it goes: Converse and its stream of binary frames.

The client authenticates with a virtual key as its bearer token; Bartizan signs what it sends on. Bearer tokens it sends
over TLS only, so TLS is ended in front of Bartizan here.
"""

import datetime
import ipaddress
import json
import os
import socket
import ssl
import threading
import urllib.parse

import boto3
import botocore.config
import botocore.exceptions
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from support import ATTACK, BENIGN, CUTS, INVENTED, PROMPT_WITH_VALUES, TIMEOUT_S, VALUES


def certificate(folder):
    """A certificate for this host that signs itself; the files of it and of its key."""
    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.timezone.utc)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, secret.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(secret, hashes.SHA256())
    )
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    clear = serialization.NoEncryption()
    (folder / "key.pem").write_bytes(secret.private_bytes(pem, form, clear))
    return folder / "cert.pem", folder / "key.pem"


def pipe(source, target):
    """Passes bytes on until either side is gone."""
    try:
        while piece := source.recv(65536):
            target.sendall(piece)
    except OSError:
        pass
    finally:
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


@pytest.fixture(scope="session")
def over_tls(base_url, tmp_path_factory):
    """The gateway's URL behind TLS, and the certificate to trust."""
    chain, secret = certificate(tmp_path_factory.mktemp("tls"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, secret)
    behind = urllib.parse.urlsplit(base_url)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                plain, _ = listener.accept()
                front = context.wrap_socket(plain, server_side=True)
                back = socket.create_connection((behind.hostname, behind.port))
            except OSError:
                if listener.fileno() < 0:
                    return
                continue
            for pair in ((front, back), (back, front)):
                threading.Thread(target=pipe, args=pair, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield f"https://127.0.0.1:{listener.getsockname()[1]}", str(chain)
    listener.close()


@pytest.fixture(scope="session")
def client(over_tls, key):
    """The official client; one attempt per call."""
    url, chain = over_tls
    os.environ["AWS_BEARER_TOKEN_BEDROCK"] = key
    config = botocore.config.Config(
        retries={"total_max_attempts": 1}, read_timeout=TIMEOUT_S, connect_timeout=TIMEOUT_S
    )
    return boto3.client(
        "bedrock-runtime",
        region_name="eu-central-1",
        endpoint_url=url,
        verify=chain,
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
    blocks, stop, usage = said(client.converse_stream(**asked(model, text))["stream"])
    assert (blocks, stop) == ({0: text}, "end_turn")
    assert usage["outputTokens"] > 0
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
