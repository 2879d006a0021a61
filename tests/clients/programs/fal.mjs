// @fal-ai/client by its proxy mode: proxyUrl and credentials are set, and nothing else.

import { ApiError, ValidationError, createFalClient } from "@fal-ai/client";
import {
  assert, awaitCancellation, busyWorker, dataUri, eventually, facts, fetched, key, kindOf, main, newestJob, picture, prompt,
  receive, sizeOf, soon, step, thrown, url,
} from "./harness.mjs";

const clientOf = (credentials) =>
  createFalClient({ credentials, proxyUrl: { url: `${url}/fal/proxy`, when: "always" } });
const fal = clientOf(key);
const [flux, flux2, florence] = [
  "bottega/flux.1-demo", "bottega/flux.2-demo", "bottega/florence-2-demo",
];
const small = { prompt, image_size: { width: 128, height: 128 }, output_format: "png" };
const slow = { ...small, num_inference_steps: 50, num_images: 4 };
const subscribe = (more = {}, app = flux, options = {}) =>
  fal.subscribe(app, { input: { ...small, ...more }, pollInterval: 100, ...options });

step("subscribe", async () => {
  const { data, requestId } = await subscribe({ seed: 7 });
  assert.deepEqual(sizeOf(await fetched(data.images[0].url)), [128, 128]);
  assert.ok(data.images[0].url.startsWith(`${url}/`), data.images[0].url);
  assert.equal(data.seed, 7);
  const job = await newestJob();
  assert.equal(job.id, requestId);
  assert.equal(job.surface, "fal");
});

step("subscribe with logs", async () => {
  const updates = [];
  await subscribe({ num_inference_steps: 20 }, flux, {
    logs: true, onQueueUpdate: (update) => updates.push(update),
  });
  assert.equal(updates.at(-1).status, "COMPLETED");
  assert.ok(updates.some((update) => update.logs?.length), JSON.stringify(updates));
});

step("subscribe by the status stream", async () => {
  const statuses = [];
  const { data } = await subscribe({}, flux, {
    mode: "streaming", onQueueUpdate: ({ status }) => statuses.push(status),
  });
  assert.ok(data.images.length === 1);
  assert.equal(statuses.at(-1), "COMPLETED");
});

step("run", async () => {
  const { data, requestId } = await fal.run(flux, { input: small });
  assert.equal(kindOf(await fetched(data.images[0].url)), "png");
  assert.ok(requestId);
});

step("queue: submit, status, result", async () => {
  const { request_id: requestId, status } = await fal.queue.submit(flux, { input: small });
  assert.equal(status, "IN_QUEUE");
  await eventually(
    async () => (await fal.queue.status(flux, { requestId })).status === "COMPLETED",
  );
  assert.ok((await fal.queue.result(flux, { requestId })).data.images.length);
});

step("queue: cancel", async () => {
  const { request_id: requestId } = await fal.queue.submit(flux, { input: slow });
  await fal.queue.cancel(flux, { requestId });
  await eventually(
    async () => (await fal.queue.status(flux, { requestId })).status === "COMPLETED",
  );
  const error = await thrown(() => fal.queue.result(flux, { requestId }));
  assert.equal(error.status, 499);
  assert.equal(error.requestId, requestId);
});

step("stream", async () => {
  const stream = await fal.stream(flux, { input: { ...small, num_inference_steps: 8 } });
  const events = [];
  for await (const event of stream) events.push(event);
  const last = await stream.done();
  assert.ok(events.length > 1, events.length);
  assert.ok(events[0].images[0].url.startsWith("data:image/"));
  assert.equal(last.images.length, 1);
});

step("same seed", async () => {
  const pictures = [];
  for (const seed of [5, 5, 6])
    pictures.push(await fetched((await subscribe({ seed })).data.images[0].url));
  assert.deepEqual(pictures[0], pictures[1]);
  assert.notDeepEqual(pictures[0], pictures[2]);
});

step("image to image with an upload", async () => {
  const blob = new Blob([picture], { type: "image/png" });
  const address = await fal.storage.upload(blob);
  const input = { image_url: address, strength: 0.9 };
  const { data } = await subscribe(input, `${flux}/image-to-image`);
  assert.equal(kindOf(await fetched(data.images[0].url)), "png");
});

step("image to image with a blob in the input", async () => {
  const input = { image_url: new Blob([picture], { type: "image/png" }), strength: 0.9 };
  const { data } = await subscribe(input, `${flux}/image-to-image`);
  assert.equal(data.images.length, 1);
});

step("references", async () => {
  const { data } = await subscribe({ image_urls: [dataUri, dataUri] }, `${flux2}/edit`);
  assert.equal(data.images.length, 1);
});

step("look: objects", async () => {
  const app = `${florence}/object-detection`;
  const { data } = await fal.subscribe(app, { input: { image_url: dataUri } });
  assert.deepEqual(data.results.bboxes.map((box) => box.label), ["circle"]);
  assert.ok((await fetched(data.image.url)).length > 0);
});

step("look: caption", async () => {
  const app = `${florence}/caption`;
  const { data } = await fal.subscribe(app, { input: { image_url: dataUri } });
  assert.equal(typeof data.results, "string");
});

step("bad key", async () => {
  const error = await thrown(() => clientOf("wrong").subscribe(flux, { input: small }));
  assert.ok(error instanceof ApiError);
  assert.equal(error.status, 401);
});

step("unknown app", async () => {
  const error = await thrown(() => subscribe({}, "fal-ai/nothing"));
  assert.equal(error.status, 404);
});

step("bad input", async () => {
  const error = await thrown(() => subscribe({ num_images: 99 }));
  assert.ok(error instanceof ValidationError, String(error));
  assert.equal(error.fieldErrors.length, 1);
  assert.equal(error.getFieldErrors("num_images").length, 1);
  assert.match(error.message, /num_images/);
});

step("no credit", async () => {
  const error = await thrown(() => clientOf(facts.poor).subscribe(flux, { input: small }));
  assert.equal(error.status, 402);
});

step("webhook", async () => {
  let requestId;
  const { headers, body } = await receive(async (webhookUrl) => {
    ({ request_id: requestId } = await fal.queue.submit(flux, { input: small, webhookUrl }));
  });
  const told = JSON.parse(body);
  assert.equal(told.request_id, requestId);
  assert.equal(told.status, "OK");
  assert.ok(headers["x-fal-webhook-signature"]);
});

step("a subscription that gives up cancels", () =>
  busyWorker(async () => {
    const options = { input: slow, pollInterval: 100, timeout: 1500 };
    const error = await thrown(() => fal.subscribe(flux, options));
    assert.match(String(error), /timed out/);
    await awaitCancellation();
  }),
);

step("an aborted run cancels", () =>
  busyWorker(async () => {
    await thrown(() => fal.run(flux, { input: slow, abortSignal: soon() }));
    await awaitCancellation();
  }),
);

step("eight at once", async () => {
  const seeds = [...Array(8).keys()];
  const answers = await Promise.all(
    seeds.map((seed) => subscribe({ seed, num_inference_steps: 1 })),
  );
  assert.deepEqual(answers.map(({ data }) => data.seed).sort(), seeds);
});

await main();
