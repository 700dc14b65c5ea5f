// OpenAI's own client against the server: node openai_client.mjs URL MODULES
import assert from "node:assert/strict";
import {createRequire} from "node:module";

const [url, modules] = process.argv.slice(2);
const {OpenAI} = createRequire(modules + "/x.js")("openai");
const client = new OpenAI({baseURL: url + "/v1", apiKey: "secret", maxRetries: 0});
const messages = [{role: "user", content: "hi"}];
const model = "fake", temperature = 0;
const tools = [{type: "function", function: {name: "f", parameters: {
  type: "object", properties: {x: {type: "integer"}}}}}];

const tests = {
  async models() {
    const all = [];
    for await (const one of client.models.list()) all.push(one.id);
    assert.deepEqual(all, ["fake"]);
    assert.equal((await client.models.retrieve("fake")).object, "model");
    await assert.rejects(client.models.retrieve("other"), OpenAI.NotFoundError);
  },

  async completions() {
    const answer = await client.completions.create({model, temperature, prompt: "Once", max_tokens: 10});
    assert.equal(answer.choices[0].text, " upon a ti");
    assert.equal(answer.usage.completion_tokens, 10);
    let text = "";
    const stream = await client.completions.create({model, temperature, prompt: "Once", max_tokens: 10, stream: true});
    for await (const part of stream) text += part.choices[0].text;
    assert.equal(text, " upon a ti");
  },

  async chat() {
    const answer = await client.chat.completions.create({model, temperature, messages, n: 2, logprobs: true, top_logprobs: 3});
    assert.equal(answer.choices.length, 2);
    const {message, finish_reason, logprobs} = answer.choices[0];
    assert.equal(message.role, "assistant");
    assert.equal(finish_reason, "stop");
    assert.ok(message.content.endsWith("The end."), message.content);
    assert.equal(logprobs.content.length, answer.usage.completion_tokens / 2 - 1);
    assert.equal(logprobs.content[0].top_logprobs.length, 3);
    const stream = await client.chat.completions.create(
      {model, temperature, messages, stream: true, stream_options: {include_usage: true}});
    let text = "", usage;
    for await (const part of stream) {
      text += part.choices[0]?.delta.content ?? "";
      usage = part.usage ?? usage;
    }
    assert.equal(text, message.content);
    assert.ok(usage.prompt_tokens_details.cached_tokens > 0);
    assert.equal(usage.prompt_tokens, answer.usage.prompt_tokens);
  },

  async streamHelper() {
    const runner = client.chat.completions.stream({model, temperature, messages});
    let events = 0;
    runner.on("content", () => ++events);
    const final = await runner.finalChatCompletion();
    assert.ok(events > 5);
    assert.ok(final.choices[0].message.content.endsWith("The end."));
  },

  async stopAndSeed() {
    const stopped = await client.chat.completions.create({model, temperature, messages, stop: ["small"]});
    assert.ok(!stopped.choices[0].message.content.includes("small"));
    const hot = {model, messages, temperature: 50, top_p: 1, seed: 11, max_completion_tokens: 12};
    const [a, b] = [await client.chat.completions.create(hot), await client.chat.completions.create(hot)];
    assert.equal(a.choices[0].message.content, b.choices[0].message.content);
  },

  // The fake model writes no calls by itself: a schema makes it.
  async toolCalls() {
    const response_format = {type: "json_schema", json_schema: {name: "call", schema: {
      type: "object", additionalProperties: false, required: ["name", "parameters"],
      properties: {name: {const: "f"}, parameters: {const: {x: 1}}}}}};
    const answer = await client.chat.completions.create({model, temperature, messages, tools, response_format});
    const {message, finish_reason} = answer.choices[0];
    assert.equal(finish_reason, "tool_calls");
    assert.equal(message.content, null);
    assert.equal(message.tool_calls[0].function.name, "f");
    assert.deepEqual(JSON.parse(message.tool_calls[0].function.arguments), {x: 1});
    const runner = client.chat.completions.stream({model, temperature, messages, tools, response_format});
    const streamed = (await runner.finalChatCompletion()).choices[0];
    assert.deepEqual(streamed.message.tool_calls[0].function.arguments,
                     message.tool_calls[0].function.arguments);
    assert.equal(streamed.finish_reason, "tool_calls");
    // And back, with the result.
    const next = await client.chat.completions.create({model, temperature, tools, messages: [
      ...messages, message, {role: "tool", tool_call_id: message.tool_calls[0].id, content: "2"}]});
    assert.equal(typeof next.choices[0].message.content, "string");
  },

  // One call of any function or of that one, whatever the model would say.
  async forcedCalls() {
    const choices = [["required", ["f", "g"]], [{type: "function", function: {name: "g"}}, ["g"]]];
    const both = ["f", "g"].map(name => ({type: "function", function: {name, strict: true, parameters: {
      type: "object", properties: {x: {enum: ["a", "b"]}}, required: ["x"], additionalProperties: false}}}));
    for (const [tool_choice, names] of choices) {
      const body = {model, temperature, messages, tools: both, tool_choice};
      const {message, finish_reason} = (await client.chat.completions.create(body)).choices[0];
      assert.equal(finish_reason, "tool_calls");
      assert.equal(message.tool_calls.length, 1);
      assert.ok(names.includes(message.tool_calls[0].function.name));
      assert.ok(["a", "b"].includes(JSON.parse(message.tool_calls[0].function.arguments).x));
      const streamed = await client.chat.completions.stream(body).finalChatCompletion();
      assert.deepEqual(streamed.choices[0].message.tool_calls[0].function.arguments,
                       message.tool_calls[0].function.arguments);
    }
    const none = await client.chat.completions.create({model, temperature, messages, tools: both, tool_choice: "none"});
    assert.ok(!none.choices[0].message.tool_calls);
    const wrong = {type: "function", function: {name: "h"}};
    const error = await client.chat.completions.create({model, messages, tools: both, tool_choice: wrong}).catch(e => e);
    assert.ok(error instanceof OpenAI.BadRequestError && error.param === "tool_choice", error);
  },

  async jsonSchema() {
    const schema = {type: "object", additionalProperties: false, required: ["n", "id", "day"],
                    properties: {n: {type: "integer", minimum: 0, maximum: 9},
                                 id: {type: "string", pattern: "^[A-C]{2}-\\d$"},
                                 day: {type: "string", format: "date"}}};
    const answer = await client.chat.completions.create({model, messages, temperature: 5, seed: 1,
      response_format: {type: "json_schema", json_schema: {name: "a", strict: true, schema}}});
    const value = JSON.parse(answer.choices[0].message.content);
    assert.ok(Number.isInteger(value.n) && value.n >= 0 && value.n <= 9);
    assert.match(value.id, /^[A-C]{2}-\d$/);
    assert.ok(!Number.isNaN(Date.parse(value.day)), value.day);
  },

  async errors() {
    const bad = await client.chat.completions.create({model, messages, temperature: -1}).catch(e => e);
    assert.ok(bad instanceof OpenAI.BadRequestError);
    assert.equal(bad.param, "temperature");
    assert.equal(bad.code, "invalid_value");
    const long = await client.completions.create({model, prompt: "a".repeat(500)}).catch(e => e);
    assert.equal(long.code, "context_length_exceeded");
    const stranger = new OpenAI({baseURL: url + "/v1", apiKey: "wrong", maxRetries: 0});
    await assert.rejects(stranger.models.list(), OpenAI.AuthenticationError);
    await assert.rejects(client.embeddings.create({model, input: "a"}), OpenAI.InternalServerError);
  },

  // More than one running and two waiting.
  async overload() {
    const body = {model, temperature, messages};
    const results = await Promise.allSettled(Array.from({length: 12}, () => client.chat.completions.create(body)));
    const refused = results.filter(r => r.status === "rejected");
    assert.ok(refused.length > 0 && refused.every(r => r.reason instanceof OpenAI.RateLimitError));
    assert.ok(results.length - refused.length >= 3);
    // With the client's own retries all get through.
    const patient = new OpenAI({baseURL: url + "/v1", apiKey: "secret", maxRetries: 8});
    await Promise.all(Array.from({length: 6}, () => patient.chat.completions.create(body)));
  },

  async abort() {
    const stream = await client.completions.create(
      {model, prompt: "a", max_tokens: 90, stream: true, ignore_eos: true});
    for await (const part of stream) {
      assert.ok(part.choices);
      break; // Closes the connection.
    }
    const headers = {Authorization: "Bearer secret"};
    const cancelled = async () => /requests_cancelled_total (\d+)/.exec(
      await (await fetch(url + "/metrics", {headers})).text())[1];
    for (let i = 0; i < 100 && await cancelled() === "0"; ++i) await new Promise(done => setTimeout(done, 20));
    assert.notEqual(await cancelled(), "0");
  },
};

for (const [name, test] of Object.entries(tests)) {
  try {
    await test();
    console.log("ok", name);
  } catch (error) {
    console.log("FAILED", name, error);
    process.exit(1);
  }
}
