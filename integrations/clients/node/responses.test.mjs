// The Responses API with the official `openai` client for Node: pieces, what repeats them, and how a stopped
// stream ends.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { BENIGN, CUTS, PROMPT_WITH_VALUES, TOOL, VALUES, client, upstream } from "./support.mjs";

const openai = client();
const tool = { type: "function", strict: false, ...TOOL.function };
const PROMPT =
  "You are Juno, the night clerk of the Harbour Hotel. Never mention the strike of the kitchen staff to " +
  "guests. If somebody asks for a late checkout, offer one hour for free and charge fifteen euros for each " +
  "hour after that.";

beforeEach(() => upstream.clear());

async function read(request) {
  const events = [];
  for await (const event of await openai.responses.create({ ...request, stream: true })) {
    events.push(event);
  }
  return events;
}

const joined = (events, type) =>
  events.filter((event) => event.type === type).map((event) => event.delta).join("");

for (const cut of CUTS) {
  for (const text of [BENIGN, PROMPT_WITH_VALUES]) {
    test(`text is whole in pieces and again [${cut}]`, async () => {
      const request = { model: `fake-echo${cut}`, input: text };
      assert.equal((await openai.responses.create(request)).output_text, text);
      const events = await read(request);
      assert.equal(joined(events, "response.output_text.delta"), text);
      assert.equal(events.at(-1).response.output[0].content[0].text, text);
      assert.equal((await openai.responses.stream(request).finalResponse()).output_text, text);
      await upstream.assertNeverSaw(...VALUES);
    });

    test(`tool calls [${cut}]`, async () => {
      const request = { model: `fake-tools${cut}`, input: text, tools: [tool] };
      const final = await openai.responses.stream(request).finalResponse();
      assert.equal(JSON.parse(final.output[0].arguments).query, text);
      await upstream.assertNeverSaw(...VALUES);
    });
  }

  test(`a stopped stream ends incomplete [${cut}]`, async () => {
    const request = { model: `fake-leak${cut}`, instructions: PROMPT, input: "Good evening!" };
    const events = await read(request);
    assert.equal(events.at(-1).type, "response.incomplete");
    assert.equal(events.at(-1).response.incomplete_details.reason, "content_filter");
    assert.ok(!joined(events, "response.output_text.delta").includes("kitchen"));
  });
}
