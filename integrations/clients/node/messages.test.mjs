// Messages with the official `@anthropic-ai/sdk`: text, streams, tools, thinking, refusals, and what breaks.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import Anthropic from "@anthropic-ai/sdk";

import { ATTACK, BENIGN, CUTS, INVENTED, PROMPT_WITH_VALUES, TOOL, VALUES, named, recordOf, upstream } from "./support.mjs";

const TIMEOUT_MS = 30_000;
const INTERACTION = "x-bartizan-interaction";
const tool = { name: "search_notes", description: TOOL.function.description, input_schema: TOOL.function.parameters };

/** The official client; its base URL has no version. */
const connect = (options = {}) =>
  new Anthropic({
    baseURL: named("BARTIZAN_BASE_URL").replace(/\/v1$/, ""),
    apiKey: named("BARTIZAN_KEY"),
    maxRetries: 0,
    timeout: TIMEOUT_MS,
    ...options,
  });

const anthropic = connect();
const asking = (model, text = BENIGN, more = {}) => ({
  model,
  max_tokens: 1024,
  messages: [{ role: "user", content: text }],
  ...more,
});

/** The message, whole and as the client puts it together from the stream. */
const bothWays = async (request) => [
  await anthropic.messages.create(request),
  await anthropic.messages.stream(request).finalMessage(),
];

beforeEach(() => upstream.clear());

for (const cut of CUTS) {
  for (const text of [BENIGN, PROMPT_WITH_VALUES]) {
    test(`messages: content is what was said [${cut}]`, async () => {
      for (const message of await bothWays(asking(`fake-echo${cut}`, text))) {
        assert.deepEqual(message.content.map((block) => block.text), [text]);
        assert.equal(message.stop_reason, "end_turn");
      }
      await upstream.assertNeverSaw(...VALUES);
    });
  }

  test(`messages: tools get real values [${cut}]`, async () => {
    for (const message of await bothWays(asking(`fake-two-tools${cut}`, PROMPT_WITH_VALUES, { tools: [tool] }))) {
      const calls = message.content.filter((block) => block.type === "tool_use");
      assert.equal(calls.length, 2);
      for (const call of calls) {
        assert.ok(call.input.query.endsWith(PROMPT_WITH_VALUES));
      }
    }
    await upstream.assertNeverSaw(...VALUES);
  });

  test(`messages: thinking [${cut}]`, async () => {
    const thinking = { type: "enabled", budget_tokens: 1024 };
    for (const message of await bothWays(asking(`fake-reasoning${cut}`, PROMPT_WITH_VALUES, { thinking }))) {
      const [thought, said] = message.content;
      assert.ok(thought.thinking.endsWith(PROMPT_WITH_VALUES));
      assert.equal(said.text, PROMPT_WITH_VALUES);
    }
    await upstream.assertNeverSaw(...VALUES);
  });

  test(`messages: what the model made up is removed [${cut}]`, async () => {
    for (const message of await bothWays(asking(`fake-pii${cut}`, "Who is it?", { tools: [tool] }))) {
      const text = JSON.stringify(message);
      assert.ok(text.includes("REMOVED]"));
      for (const value of INVENTED) {
        assert.ok(!text.includes(value), value);
      }
    }
  });
}

for (const stream of [false, true]) {
  test(`messages: an attack is refused once, and on record [stream: ${stream}]`, async () => {
    const patient = connect({ maxRetries: 2 });
    const error = await patient.messages.create(asking("fake-echo", ATTACK, { stream })).then(
      () => assert.fail("it must be refused"),
      (error) => error,
    );
    assert.ok(error instanceof Anthropic.PermissionDeniedError, String(error));
    assert.equal(error.error.error.code, "policy_block");
    assert.equal(error.requestID, error.headers.get(INTERACTION));
    assert.deepEqual(await upstream.requests(), []);
    const record = await recordOf(error.requestID);
    assert.equal(record.interaction_opened.dialect, "anthropic");
  });
}

test("messages: tokens are counted of what is masked", async () => {
  const { max_tokens: _, ...request } = asking("fake-echo", PROMPT_WITH_VALUES);
  assert.ok((await anthropic.messages.countTokens(request)).input_tokens > 0);
  await upstream.assertNeverSaw(...VALUES);
});

test("messages: a batch", async () => {
  const texts = ["hello", PROMPT_WITH_VALUES];
  const requests = texts.map((text, number) => ({ custom_id: `r${number}`, params: asking("fake-echo", text) }));
  const batch = await anthropic.messages.batches.create({ requests });
  assert.equal(batch.processing_status, "in_progress");
  const said = [];
  for await (const one of await anthropic.messages.batches.results(batch.id)) {
    said.push(one.result.message.content[0].text);
  }
  assert.equal(said[0], "hello");
  assert.match(said[1], /\[EMAIL-/);
  await upstream.assertNeverSaw(...VALUES);
  assert.equal((await anthropic.messages.batches.cancel(batch.id)).processing_status, "canceling");
  assert.equal((await anthropic.messages.batches.delete(batch.id)).type, "message_batch_deleted");
});

for (const kind of ["reset", "truncate", "no-done", "invalid-sse", "error-event", "duplicate-keys"]) {
  test(`messages: a stream that fails is not taken for a whole one: ${kind}`, async () => {
    await assert.rejects(anthropic.messages.stream(asking(`fake-${kind}`, BENIGN.repeat(4))).finalMessage());
  });
}
