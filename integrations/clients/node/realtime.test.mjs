// Realtime sessions with the official `openai` client for Node. It speaks TLS whatever its base URL says; here the
// connection that it is given does not, since the gateway under test listens on loopback.

import assert from "node:assert/strict";
import net from "node:net";
import { once } from "node:events";
import { beforeEach, test } from "node:test";

import { OpenAIRealtimeWS } from "openai/realtime/ws";

import { ATTACK, BENIGN, PROMPT_WITH_VALUES, VALUES, client, upstream } from "./support.mjs";

const MODEL = "fake-echo";
const TIMEOUT_MS = 30_000;
const options = { createConnection: ({ host, port }) => net.connect({ host, port }) };

beforeEach(() => upstream.clear());

/** A session, and what hears its events up to and including the first of a type. */
async function begin(openai = client()) {
  const session = new OpenAIRealtimeWS({ model: MODEL, options }, openai);
  const heard = [];
  let wake = () => {};
  session.on("event", (event) => {
    heard.push(event);
    wake();
  });
  // Events of type `error` are heard like all others.
  session.on("error", () => {});
  const hear = async (type) => {
    const deadline = AbortSignal.timeout(TIMEOUT_MS);
    for (;;) {
      const at = heard.findIndex((event) => event.type === type);
      if (at >= 0) return heard.splice(0, at + 1);
      assert.ok(!deadline.aborted, `no ${type} after ${heard.map((event) => event.type)}`);
      await new Promise((resolve) => {
        wake = resolve;
        deadline.addEventListener("abort", resolve, { once: true });
      });
    }
  };
  await once(session.socket, "open");
  return { session, hear };
}

function say(session, text) {
  const content = [{ type: "input_text", text }];
  session.send({ type: "conversation.item.create", item: { type: "message", role: "user", content } });
}

for (const text of [BENIGN, PROMPT_WITH_VALUES]) {
  test(`realtime: text is what was said: ${text === BENIGN ? "benign" : "personal data"}`, async () => {
    const { session, hear } = await begin();
    await hear("session.created");
    say(session, text);
    session.send({ type: "response.create" });
    const events = await hear("response.done");
    session.close();
    const deltas = events.filter((event) => event.type === "response.output_text.delta");
    assert.equal(deltas.map((event) => event.delta).join(""), text);
    assert.equal(events.at(-1).response.output[0].content[0].text, text);
    await upstream.assertNeverSaw(...VALUES);
  });
}

test("realtime: an attack is told as an error and not sent on", async () => {
  const { session, hear } = await begin();
  say(session, ATTACK);
  const { error } = (await hear("error")).at(-1);
  session.close();
  assert.equal(error.code, "policy_block");
  assert.equal(error.type, "policy_violation");
  await upstream.assertNeverSaw("Ignore all previous instructions");
});

test("realtime: a wrong key opens nothing", async () => {
  const session = new OpenAIRealtimeWS({ model: MODEL, options }, client({ apiKey: "btz_0000000000_nothing" }));
  const error = await new Promise((resolve) => session.on("error", resolve));
  assert.match(error.message, /401/);
});
