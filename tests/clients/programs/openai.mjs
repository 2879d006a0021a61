// The openai package: baseURL and apiKey are changed, and nothing else.

import OpenAI, { toFile } from "openai";
import {
  alphaMask, assert, awaitCancellation, busyWorker, dataUri, facts, fetched, key, kindOf, main,
  native, newestJob, picture, prompt, receive, sizeOf, soon, step, thrown, url,
} from "./harness.mjs";

const baseURL = `${url}/openai/v1`;
const [flux, flux2, florence] = ["flux.1-demo", "flux.2-demo", "florence-2-demo"];
const client = new OpenAI({ baseURL, apiKey: key });
const small = { model: flux, prompt, size: "128x128" };
const paint = (more = {}, options = {}) => client.images.generate({ ...small, ...more }, options);
const bytes = (answer, number = 0) => Buffer.from(answer.data[number].b64_json, "base64");
const file = (data = picture) => toFile(data, "picture.png", { type: "image/png" });
const shown = { type: "image_url", image_url: { url: dataUri } };
const ask = (text, more = {}) =>
  client.chat.completions.create({
    model: florence,
    messages: [{ role: "user", content: [{ type: "text", text }, shown] }],
    ...more,
  });

step("models", async () => {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  assert.ok(ids.includes(flux) && ids.includes(florence), ids);
  assert.equal((await client.models.retrieve(flux)).object, "model");
});

step("generate base64", async () => {
  const answer = await paint({ response_format: "b64_json", seed: 7 });
  assert.deepEqual(sizeOf(bytes(answer)), [128, 128]);
  assert.ok(answer._request_id);
});

step("generate url", async () => {
  const answer = await paint({ response_format: "url" });
  assert.deepEqual(sizeOf(await fetched(answer.data[0].url)), [128, 128]);
});

step("generate two of the same seed as before", async () => {
  const [first, second] = [await paint({ n: 2, seed: 5 }), await paint({ n: 2, seed: 5 })];
  assert.equal(first.data.length, 2);
  assert.deepEqual(bytes(first, 1), bytes(second, 1));
});

step("generate webp", async () => {
  assert.equal(kindOf(bytes(await paint({ output_format: "webp" }))), "webp");
});

step("stream of partial pictures", async () => {
  const events = [];
  const stream = await paint({ stream: true, partial_images: 2, seed: 7 });
  for await (const event of stream) events.push(event);
  assert.equal(events.at(-1).type, "image_generation.completed");
  assert.equal(events[0].type, "image_generation.partial_image");
  assert.ok(events.at(-1).usage.total_tokens > 0);
  assert.deepEqual(sizeOf(Buffer.from(events.at(-1).b64_json, "base64")), [128, 128]);
});

step("edit with a mask", async () => {
  const answer = await client.images.edit({
    model: flux, prompt, image: await file(), mask: await file(alphaMask),
  });
  assert.deepEqual(sizeOf(bytes(answer)), [256, 256]);
});

step("edit by references", async () => {
  const answer = await client.images.edit({
    model: flux2, prompt, image: [await file(), await file()], size: "128x128",
  });
  assert.deepEqual(sizeOf(bytes(answer)), [128, 128]);
  assert.equal((await newestJob()).surface, "openai");
});

step("edit by stream", async () => {
  const kinds = [];
  const stream = await client.images.edit({
    model: flux, prompt, image: await file(), stream: true, partial_images: 1,
  });
  for await (const event of stream) kinds.push(event.type);
  assert.equal(kinds.at(-1), "image_edit.completed");
});

step("a stream that is left cancels its job", () =>
  busyWorker(async () => {
    const stop = soon(1500);
    await thrown(async () => {
      const stream = await paint({ stream: true, n: 2, steps: 50 }, { signal: stop });
      for await (const event of stream) assert.ok(event.type);
      throw new Error("it was aborted");
    });
    await awaitCancellation();
  }),
);

step("an aborted call cancels its job", () =>
  busyWorker(async () => {
    const error = await thrown(() => paint({ steps: 49 }, { signal: soon() }));
    assert.ok(error instanceof OpenAI.APIUserAbortError, error);
    await awaitCancellation();
  }),
);

step("files", async () => {
  const made = await client.files.create({ file: await file(), purpose: "vision" });
  assert.equal(made.bytes, picture.length);
  const ids = [];
  for await (const each of client.files.list()) ids.push(each.id);
  assert.ok(ids.includes(made.id));
  const content = Buffer.from(await (await client.files.content(made.id)).arrayBuffer());
  assert.deepEqual(content, picture);
  assert.ok((await client.files.delete(made.id)).deleted);
});

step("look: objects", async () => {
  const answer = await ask("<OD>");
  assert.deepEqual(JSON.parse(answer.choices[0].message.content)["<OD>"].labels, ["circle"]);
});

step("look: stream", async () => {
  let told = "";
  const chunks = await ask("caption", { stream: true });
  for await (const chunk of chunks) told += chunk.choices[0]?.delta?.content ?? "";
  assert.ok(told.length > 0);
});

step("look: each plain name", async () => {
  for (const task of ["detailed caption", "object detection", "ocr", "region proposal"])
    assert.ok((await ask(task)).choices[0].message.content !== undefined, task);
});

step("bad key", async () => {
  const error = await thrown(() => client.withOptions({ apiKey: "sk-wrong" }).models.list());
  const other = await thrown(() =>
    client.withOptions({ apiKey: "sk-wrong" }).images.generate(small),
  );
  assert.ok(other instanceof OpenAI.AuthenticationError, other);
  assert.equal(other.code, "invalid_api_key");
  assert.ok(error);
});

step("unknown model", async () => {
  const error = await thrown(() => paint({ model: "gpt-image-2" }));
  assert.ok(error instanceof OpenAI.NotFoundError);
  assert.equal(error.code, "model_not_found");
  assert.ok(error.requestID);
});

step("bad input", async () => {
  const error = await thrown(() => paint({ size: "17x3" }));
  assert.ok(error instanceof OpenAI.BadRequestError);
  assert.equal(error.param, "size");
});

step("no credit is not retried", async () => {
  let calls = 0;
  const counting = new OpenAI({
    baseURL, apiKey: facts.poor, fetch: (...each) => ((calls += 1), fetch(...each)),
  });
  const error = await thrown(() => counting.images.generate(small));
  assert.ok(error instanceof OpenAI.RateLimitError);
  assert.equal(error.code, "insufficient_quota");
  assert.equal(calls, 1);
});

step("rate limit", async () => {
  const hurried = new OpenAI({ baseURL, apiKey: facts.limited, maxRetries: 0 });
  const error = await thrown(async () => {
    for (let count = 0; count < 4; count += 1) await hurried.files.list();
  });
  assert.equal(error.code, "rate_limit_exceeded");
});

step("calls that are not served", async () => {
  const error = await thrown(() => client.responses.create({ model: flux, input: "paint" }));
  assert.ok(error instanceof OpenAI.NotFoundError);
});

step("webhook verified by the client", async () => {
  const { secret } = await native("/v1/webhooks/secret");
  const { headers, body } = await receive((hook) => paint({ webhook: { url: hook } }));
  const event = await client.webhooks.unwrap(body, headers, secret);
  assert.ok(event);
  const error = await thrown(() => client.webhooks.verifySignature(`${body} `, headers, secret));
  assert.ok(error instanceof OpenAI.InvalidWebhookSignatureError);
});

step("ignored parameters are told", async () => {
  const { response } = await paint({ style: "vivid", user: "u1" }).withResponse();
  assert.match(response.headers.get("bottega-ignored"), /style/);
});

step("idempotency key", async () => {
  const headers = { "Idempotency-Key": "openai-js-once" };
  const [first, second] = [await paint({}, { headers }), await paint({}, { headers })];
  assert.equal(first.data[0].b64_json, second.data[0].b64_json);
});

step("eight at once", async () => {
  const seeds = [...Array(8).keys()];
  const answers = await Promise.all(seeds.map((seed) => paint({ seed, steps: 1 })));
  assert.equal(new Set(answers.map((answer) => answer.data[0].b64_json)).size, 8);
});

step("over TLS", async () => {
  const secured = new OpenAI({ baseURL: `${facts.tls_url}/openai/v1`, apiKey: key });
  const answer = await secured.images.generate(small);
  assert.ok(answer.data[0].url.startsWith(`${facts.tls_url}/`));
  assert.deepEqual(sizeOf(await fetched(answer.data[0].url)), [128, 128]);
});

await main();
