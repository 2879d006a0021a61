// The replicate package: baseUrl and auth are changed, and nothing else.

import Replicate, { parseProgressFromLogs, validateWebhook } from "replicate";
import {
  assert, awaitCancellation, busyWorker, dataUri, eventually, facts, fetched, key, kindOf, main, native, newestJob, picture, maskUri,
  prompt, receive, sizeOf, soon, step, thrown, url,
} from "./harness.mjs";

const [flux, flux2, florence] = [
  "bottega/flux.1-demo", "bottega/flux.2-demo", "bottega/florence-2-demo",
];
const baseUrl = `${url}/replicate/v1`;
const client = new Replicate({ baseUrl, auth: key });
const small = { prompt, width: 128, height: 128, output_format: "png" };
const slow = { ...small, num_inference_steps: 50, num_outputs: 4 };
const run = (more = {}, model = flux) => client.run(model, { input: { ...small, ...more } });

step("run", async () => {
  const output = await run({ seed: 7 });
  assert.equal(output.length, 1);
  assert.ok(String(output[0]).startsWith(`${url}/`), String(output[0]));
  assert.deepEqual(sizeOf(await fetched(output[0])), [128, 128]);
});

step("run by TLS gives file objects", async () => {
  const secured = new Replicate({ baseUrl: `${facts.tls_url}/replicate/v1`, auth: key });
  const [file] = await secured.run(flux, { input: small });
  assert.ok(file.url().href.startsWith(`${facts.tls_url}/`));
  assert.deepEqual(sizeOf(await (await file.blob()).arrayBuffer()), [128, 128]);
});

step("run by polls, with progress", async () => {
  const seen = [];
  await client.run(
    flux,
    { input: { ...small, num_inference_steps: 20 }, wait: { mode: "poll", interval: 100 } },
    (prediction) => {
      const progress = parseProgressFromLogs(prediction);
      if (progress) seen.push(progress.percentage);
    },
  );
  assert.equal(seen.at(-1), 1, seen.join());
});

step("run that blocks for a while", async () => {
  const wait = { mode: "block", timeout: 1, interval: 100 };
  const output = await client.run(flux, { input: { ...small, num_inference_steps: 30 }, wait });
  assert.equal(output.length, 1);
});

step("same seed", async () => {
  const pictures = [];
  for (const seed of [5, 5, 6]) pictures.push(await fetched((await run({ seed }))[0]));
  assert.deepEqual(pictures[0], pictures[1]);
  assert.notDeepEqual(pictures[0], pictures[2]);
});

step("image to image with an uploaded buffer", async () => {
  const output = await run({ image: picture, prompt_strength: 0.9 });
  assert.equal(kindOf(await fetched(output[0])), "png");
  assert.equal((await newestJob()).surface, "replicate");
});

step("inpainting with data URIs", async () => {
  const input = { prompt, image: dataUri, mask: maskUri, output_format: "png" };
  const output = await client.run(flux, { input });
  assert.deepEqual(sizeOf(await fetched(output[0])), [256, 256]);
});

step("references", async () => {
  const output = await run({ input_images: [dataUri, dataUri] }, flux2);
  assert.equal(kindOf(await fetched(output[0])), "png");
});

step("prediction, wait, list", async () => {
  const [owner, name] = flux.split("/");
  const model = await client.models.get(owner, name);
  const version = model.latest_version.id;
  const made = await client.predictions.create({ version, input: small });
  const done = await client.wait(made, { interval: 100 });
  assert.equal(done.status, "succeeded");
  assert.ok(done.metrics.predict_time > 0);
  const page = await client.predictions.list();
  assert.equal(page.results[0].id, made.id);
});

step("pages of predictions", async () => {
  let count = 0;
  for await (const batch of client.paginate(client.predictions.list)) {
    count += batch.length;
    if (count > 150) break;
  }
  assert.ok(count >= 8, count);
});

step("cancel", async () => {
  const made = await client.predictions.create({ model: flux, input: slow });
  await client.predictions.cancel(made.id);
  const done = await eventually(async () => {
    const now = await client.predictions.get(made.id);
    return now.status === "canceled" && now;
  });
  assert.ok(done.completed_at);
});

step("an aborted run cancels", () =>
  busyWorker(async () => {
    const wait = { mode: "poll", interval: 100 };
    await client.run(flux, { input: slow, signal: soon(1000), wait }).catch(() => null);
    await awaitCancellation();
  }),
);

step("stream", async () => {
  const events = [];
  for await (const event of client.stream(flux, { input: small })) events.push(event);
  const kinds = events.map((event) => event.event);
  assert.equal(kinds.at(-1), "done", kinds.join());
  const output = events.find((event) => event.event === "output");
  assert.equal(kindOf(await fetched(output.data)), "png");
});

step("models, search, versions", async () => {
  const names = (await client.models.list()).results.map((each) => `${each.owner}/${each.name}`);
  assert.ok(names.includes(flux) && names.includes(florence), names.join());
  assert.ok((await client.models.search("florence")).results.length > 0);
  const [owner, name] = flux.split("/");
  const { results } = await client.models.versions.list(owner, name);
  const version = await client.models.versions.get(owner, name, results[0].id);
  assert.ok(version.openapi_schema.components.schemas.Input.properties.prompt);
});

step("run a version", async () => {
  const [owner, name] = flux.split("/");
  const { latest_version } = await client.models.get(owner, name);
  assert.equal((await run({}, `${flux}:${latest_version.id}`)).length, 1);
});

step("account, hardware, collections, deployments", async () => {
  assert.ok((await client.accounts.current()).username);
  assert.ok((await client.hardware.list())[0].sku);
  assert.ok((await client.collections.list()).results);
  const [owner, name] = flux.split("/");
  assert.equal((await client.deployments.get(owner, name)).name, name);
  const made = await client.deployments.predictions.create(owner, name, { input: small });
  assert.equal((await client.wait(made, { interval: 100 })).status, "succeeded");
});

step("files", async () => {
  const made = await client.files.create(picture, { from: "test" });
  assert.equal(made.size, picture.length);
  assert.ok((await client.files.list()).results.some((each) => each.id === made.id));
  assert.ok((await client.files.get(made.id)).urls.get);
  const output = await run({ image: made.urls.get, prompt_strength: 0.9 });
  assert.equal(kindOf(await fetched(output[0])), "png");
  assert.ok(await client.files.delete(made.id));
});

step("look: objects", async () => {
  const input = { image: picture, task_input: "Object Detection" };
  const answer = await client.run(florence, { input });
  assert.match(answer.text, /'labels': \['circle'\]/);
  assert.ok((await fetched(answer.img)).length > 0);
});

step("look: caption", async () => {
  const answer = await client.run(florence, { input: { image: dataUri } });
  assert.equal(answer.img, null);
  assert.match(answer.text, /<CAPTION>/);
});

step("bad key", async () => {
  const wrong = new Replicate({ baseUrl, auth: "wrong" });
  const error = await thrown(() => wrong.run(flux, { input: small }));
  assert.equal(error.response.status, 401);
  assert.match(error.message, /Unauthenticated/);
});

step("unknown model", async () => {
  const error = await thrown(() => run({}, "nobody/nothing"));
  assert.equal(error.response.status, 404);
  assert.match(error.message, /nobody\/nothing/);
});

step("bad input", async () => {
  const error = await thrown(() => run({ num_outputs: 99 }));
  assert.equal(error.response.status, 422);
  assert.match(error.message, /num_outputs/);
});

step("no credit", async () => {
  const poor = new Replicate({ baseUrl, auth: facts.poor });
  const error = await thrown(() => poor.run(flux, { input: small }));
  assert.equal(error.response.status, 402);
});

step("webhook verified by the client", async () => {
  const { key: secret } = await client.webhooks.default.secret.get();
  const { headers, body } = await receive((webhook) =>
    client.predictions.create({
      model: flux, input: small, webhook, webhook_events_filter: ["completed"],
    }),
  );
  const data = {
    id: headers["webhook-id"],
    timestamp: headers["webhook-timestamp"],
    signature: headers["webhook-signature"],
    secret,
  };
  assert.equal(await validateWebhook({ ...data, body }), true);
  assert.equal(await validateWebhook({ ...data, body: `${body} ` }), false);
  assert.equal(JSON.parse(body).status, "succeeded");
  assert.equal((await native(`/v1/jobs/${JSON.parse(body).id}`)).state, "succeeded");
});

step("eight at once", async () => {
  const seeds = [...Array(8).keys()];
  const outputs = await Promise.all(seeds.map((seed) => run({ seed, num_inference_steps: 1 })));
  assert.equal(new Set(outputs.map((output) => String(output[0]))).size, 8);
});

await main();
