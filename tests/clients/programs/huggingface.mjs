// @huggingface/inference: endpointUrl is set, and nothing else.

import { InferenceClient } from "@huggingface/inference";
import {
  assert, awaitCancellation, busyWorker, dataUri, facts, key, kindOf, main, newestJob, picture, prompt, sizeOf, soon,
  step, thrown, url,
} from "./harness.mjs";

const at = (name, token = key) =>
  new InferenceClient(token, { endpointUrl: `${url}/hf/models/${name}` });
const [flux, flux2] = [at("flux.1-demo"), at("flux.2-demo")];
const florence = at("florence-2-demo");
const blob = new Blob([picture], { type: "image/png" });
const small = { inputs: prompt, parameters: { width: 128, height: 128 } };
const paint = (more = {}, client = flux) =>
  client.textToImage(
    { ...small, parameters: { ...small.parameters, ...more } }, { outputType: "blob" },
  );
const bytesOf = async (image) => Buffer.from(await image.arrayBuffer());

step("text to image", async () => {
  assert.deepEqual(sizeOf(await bytesOf(await paint({ num_inference_steps: 4 }))), [128, 128]);
  assert.equal((await newestJob()).surface, "huggingface");
});

step("text to image as a data URL", async () => {
  const address = await flux.textToImage(small, { outputType: "dataUrl" });
  assert.ok(address.startsWith("data:image/"), address.slice(0, 40));
});

step("same seed", async () => {
  const pictures = [];
  for (const seed of [5, 5, 6]) pictures.push(await bytesOf(await paint({ seed })));
  assert.deepEqual(pictures[0], pictures[1]);
  assert.notDeepEqual(pictures[0], pictures[2]);
});

step("settings without effect", async () => {
  await paint({ negative_prompt: "blurred", scheduler: "Euler" });
  const told = (await newestJob()).warnings.map((warning) => warning.parameter);
  assert.ok(told.includes("negative_prompt"), told.join());
});

step("image to image", async () => {
  const image = await flux.imageToImage({ inputs: blob, parameters: { prompt, strength: 0.9 } });
  assert.deepEqual(sizeOf(await bytesOf(image)), [256, 256]);
});

step("image to image with a reference", async () => {
  const parameters = { prompt, target_size: { width: 128, height: 128 } };
  const image = await flux2.imageToImage({ inputs: blob, parameters });
  assert.deepEqual(sizeOf(await bytesOf(image)), [128, 128]);
});

step("image to text", async () => {
  const told = await florence.imageToText({ data: blob });
  assert.ok(told.generated_text);
});

step("object detection", async () => {
  const client = at("florence-2-demo/pipeline/object-detection");
  const found = await client.objectDetection({ data: blob });
  assert.deepEqual(found.map((each) => each.label), ["circle"]);
});

step("image segmentation", async () => {
  const client = at("florence-2-demo/pipeline/image-segmentation");
  const found = await client.imageSegmentation({ inputs: blob, parameters: { text: "circle" } });
  for (const each of found) {
    assert.ok(each.label);
    assert.equal(kindOf(Buffer.from(each.mask, "base64")), "png");
  }
});

step("chat about a picture", async () => {
  const chat = new InferenceClient(key, { endpointUrl: `${url}/openai/v1` });
  const answer = await chat.chatCompletion({
    model: "florence-2-demo",
    messages: [
      {
        role: "user",
        content: [
          { type: "text", text: "<OD>" },
          { type: "image_url", image_url: { url: dataUri } },
        ],
      },
    ],
  });
  assert.deepEqual(JSON.parse(answer.choices[0].message.content)["<OD>"].labels, ["circle"]);
});

step("bad key", async () => {
  const error = await thrown(() => paint({}, at("flux.1-demo", "hf_wrong")));
  assert.equal(error.httpResponse.status, 401);
});

step("unknown model", async () => {
  const error = await thrown(() => paint({}, at("nobody/nothing")));
  assert.equal(error.httpResponse.status, 404);
  assert.match(JSON.stringify(error.httpResponse.body), /nothing/);
});

step("bad input", async () => {
  const error = await thrown(() => paint({ width: 17 }));
  assert.equal(error.httpResponse.status, 422);
  assert.match(JSON.stringify(error.httpResponse.body), /width/);
  assert.ok(error.httpResponse.requestId);
});

step("no credit", async () => {
  const error = await thrown(() => paint({}, at("flux.1-demo", facts.poor)));
  assert.equal(error.httpResponse.status, 402);
});

step("an aborted call cancels its job", () =>
  busyWorker(async () => {
    const body = { inputs: "left alone", parameters: { num_inference_steps: 50 } };
    await thrown(() => flux.textToImage(body, { signal: soon() }));
    await awaitCancellation();
  }),
);

step("eight at once", async () => {
  const seeds = [...Array(8).keys()];
  const images = await Promise.all(seeds.map((seed) => paint({ seed, num_inference_steps: 1 })));
  const all = await Promise.all(images.map(bytesOf));
  assert.equal(new Set(all.map((each) => each.toString("base64"))).size, 8);
});

await main();
