// The official `openai` client for Node against a running Bartizan: what passes, what is masked and restored, what
// is refused, and what is on record. The same promises as in ../python, as this client reads the wire.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import OpenAI from "openai";

import {
  ATTACK,
  BENIGN,
  CUTS,
  EMAIL,
  INTERACTION,
  INVENTED,
  PROMPT_WITH_VALUES,
  TOOL,
  VALUES,
  client,
  direct,
  recordOf,
  texts,
  upstream,
  user,
} from "./support.mjs";

const openai = client();

beforeEach(() => upstream.clear());

for (const cut of CUTS) {
  for (const text of [BENIGN, PROMPT_WITH_VALUES]) {
    const kind = text === BENIGN ? "benign" : "personal data";

    test(`${kind}: content is identical [${cut}]`, async () => {
      const request = { model: `fake-echo${cut}`, messages: user(text) };
      const answer = await openai.chat.completions.create(request);
      assert.equal(answer.choices[0].message.content, text);
      const stream = await openai.chat.completions.create({ ...request, stream: true });
      assert.deepEqual(await texts(stream), [text]);
      await upstream.assertNeverSaw(...VALUES);
    });

    test(`${kind}: both choices [${cut}]`, async () => {
      const request = { model: `fake-echo${cut}`, messages: user(text), n: 2 };
      const expected = [`Choice 1: ${text}`, `Choice 2: ${text}`];
      const answer = await openai.chat.completions.create(request);
      assert.deepEqual(answer.choices.map((choice) => choice.message.content), expected);
      const stream = await openai.chat.completions.create({ ...request, stream: true });
      assert.deepEqual(await texts(stream), expected);
      await upstream.assertNeverSaw(...VALUES);
    });

    test(`${kind}: parallel tool calls [${cut}]`, async () => {
      const request = { model: `fake-two-tools${cut}`, messages: user(text), tools: [TOOL] };
      const answer = await openai.chat.completions.create(request);
      const streamed = await openai.chat.completions.stream(request).finalChatCompletion();
      for (const completion of [answer, streamed]) {
        const { message, finish_reason } = completion.choices[0];
        assert.equal(finish_reason, "tool_calls");
        assert.equal(message.content, `I will look this up: ${text}`);
        const queries = message.tool_calls.map((call) => JSON.parse(call.function.arguments).query);
        assert.deepEqual(queries, [text, `again: ${text}`]);
      }
      await upstream.assertNeverSaw(...VALUES);
    });
  }

  test(`what the model made up is removed [${cut}]`, async () => {
    const request = { model: `fake-pii${cut}`, messages: user("Who lives next door?"), tools: [TOOL] };
    const answer = await openai.chat.completions.create(request);
    const streamed = await openai.chat.completions.stream(request).finalChatCompletion();
    for (const completion of [answer, streamed]) {
      const { content, tool_calls } = completion.choices[0].message;
      assert.match(content, /Marie Keller/);
      JSON.parse(tool_calls[0].function.arguments);
      for (const value of INVENTED) {
        assert.ok(!content.includes(value), value);
        assert.ok(!tool_calls[0].function.arguments.includes(value), value);
      }
    }
  });
}

test("a tool runs on the real values, and its result goes back masked", async () => {
  const asked = [];
  const runner = openai.chat.completions.runTools(
    {
      model: "fake-tools",
      messages: user(PROMPT_WITH_VALUES),
      tools: [
        {
          type: "function",
          function: {
            ...TOOL.function,
            parse: JSON.parse,
            function: ({ query }) => {
              asked.push(query);
              return `Found: ${query}`;
            },
          },
        },
      ],
    },
    { maxChatCompletions: 2 },
  );
  await runner.done().catch(() => {});
  assert.deepEqual(asked.slice(0, 1), [PROMPT_WITH_VALUES]);
  assert.ok((await upstream.requests()).length >= 2);
  await upstream.assertNeverSaw(...VALUES);
});

test("embeddings are the upstream's, and hold no personal data", async () => {
  const plain = ["The castle stands on a hill.", "Ships pass below."];
  const through = await openai.embeddings.create({ model: "fake-echo", input: plain });
  const without = await direct().embeddings.create({ model: "fake-echo", input: plain });
  assert.deepEqual(through.data, without.data);
  await openai.embeddings.create({ model: "fake-echo", input: [PROMPT_WITH_VALUES] });
  await upstream.assertNeverSaw(...VALUES);
});

test("models", async () => {
  const ids = [];
  for await (const model of openai.models.list()) {
    ids.push(model.id);
  }
  assert.ok(ids.includes("fake-echo"));
});

for (const stream of [false, true]) {
  test(`an attack is refused once, streamed: ${stream}`, async () => {
    const error = await openai.chat.completions
      .create({ model: "fake-echo", messages: user(ATTACK), stream }, { maxRetries: 2 })
      .then(() => assert.fail("it was answered"), (error) => error);
    assert.ok(error instanceof OpenAI.PermissionDeniedError, `${error}`);
    assert.equal(error.code, "policy_block");
    const interaction = error.headers.get(INTERACTION);
    assert.equal(error.error.interaction, interaction, "the id is in the body, which people copy");
    assert.deepEqual(await upstream.requests(), []);
    const { interaction_opened: opened, interaction_closed: closed } = await recordOf(interaction);
    assert.equal(opened.decision.outcome, "refused");
    assert.equal(closed.ending, "refused");
  });
}

test("an unknown key", async () => {
  const stranger = client({ apiKey: "sk-1234567890", maxRetries: 2 });
  await assert.rejects(
    stranger.chat.completions.create({ model: "fake-echo", messages: user(BENIGN) }),
    (error) =>
      error instanceof OpenAI.AuthenticationError &&
      error.code === "invalid_api_key" &&
      !error.message.includes("sk-1234567890"),
  );
  assert.deepEqual(await upstream.requests(), []);
});

test("unknown endpoints", async () => {
  for (const ask of [
    () => openai.responses.retrieve("resp_1"),
    () => openai.batches.list(),
    () => openai.files.list(),
  ]) {
    await assert.rejects(
      ask,
      (error) => error instanceof OpenAI.NotFoundError && error.code === "unknown_endpoint",
    );
  }
  assert.deepEqual(await upstream.requests(), []);
});

for (const maxRetries of [0, 2]) {
  test(`retries are the client's own: ${maxRetries}`, async () => {
    const request = { model: "fake-500", messages: user(BENIGN) };
    await assert.rejects(
      openai.chat.completions.create(request, { maxRetries }),
      (error) => error instanceof OpenAI.InternalServerError,
    );
    assert.equal((await upstream.requests()).length, maxRetries + 1);
  });
}

test("an upstream's error is the caller's to read, without personal data upstream", async () => {
  const request = { model: "fake-400", messages: user(`Write to ${EMAIL}`) };
  await assert.rejects(
    openai.chat.completions.create(request),
    (error) => error instanceof OpenAI.BadRequestError,
  );
  await upstream.assertNeverSaw(EMAIL);
});

for (const kind of ["reset", "truncate", "invalid-sse", "error-event"]) {
  test(`a stream that fails is not taken for a whole one: ${kind}`, async () => {
    const request = { model: `fake-${kind}`, messages: user(BENIGN.repeat(4)), stream: true };
    const { data: stream, response } = await openai.chat.completions.create(request).withResponse();
    await assert.rejects(texts(stream));
    const { interaction_closed: closed } = await recordOf(response.headers.get(INTERACTION));
    assert.equal(closed.ending, "upstream_failed");
  });
}

test("every interaction is on record", async () => {
  for (const stream of [false, true]) {
    const request = { model: "fake-echo", messages: user(PROMPT_WITH_VALUES), stream };
    const { data, response } = await openai.chat.completions.create(request).withResponse();
    if (stream) {
      await texts(data);
    }
    const record = await recordOf(response.headers.get(INTERACTION));
    assert.equal(record.interaction_opened.streamed, stream);
    assert.equal(record.interaction_opened.model, "fake-echo");
    assert.equal(record.interaction_closed.ending, "answered");
    assert.equal(record.interaction_closed.restored, VALUES.length);
    for (const value of VALUES) {
      assert.ok(!JSON.stringify(record).includes(value));
    }
  }
});
