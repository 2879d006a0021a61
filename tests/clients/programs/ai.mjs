// The ai SDK with its providers: baseURL and apiKey are set, and nothing else.

import { createBlackForestLabs } from "@ai-sdk/black-forest-labs";
import { createFal } from "@ai-sdk/fal";
import { createOpenAI } from "@ai-sdk/openai";
import { createReplicate } from "@ai-sdk/replicate";
import { generateImage, generateText, streamText } from "ai";
import {
  assert, alphaMask, facts, key, kindOf, main, picture, mask, prompt, sizeOf, step, thrown, url,
} from "./harness.mjs";

const openaiOf = (apiKey) => createOpenAI({ baseURL: `${url}/openai/v1`, apiKey });
const replicateOf = (apiToken) =>
  createReplicate({ baseURL: `${url}/replicate/v1`, apiToken });
const falOf = (apiKey) => createFal({ baseURL: `${url}/fal/run`, apiKey });
const bflOf = (apiKey) => createBlackForestLabs({ baseURL: `${url}/bfl/v1`, apiKey });
const [openai, replicate, fal, bfl] = [openaiOf(key), replicateOf(key), falOf(key), bflOf(key)];
const providers = {
  openai: [openaiOf, "flux.1-demo"],
  replicate: [replicateOf, "bottega/flux.1-demo"],
  fal: [falOf, "bottega/flux.1-demo"],
  "black-forest-labs": [bflOf, "flux.1-demo"],
};
const paint = (model, more = {}) =>
  generateImage({ model, prompt, size: "128x128", maxRetries: 0, ...more });
const looks = {
  messages: [
    {
      role: "user",
      content: [
        { type: "text", text: "<OD>" },
        { type: "image", image: picture },
      ],
    },
  ],
};

step("openai: generate", async () => {
  const { image } = await paint(openai.image("flux.1-demo"));
  assert.deepEqual(sizeOf(image.uint8Array), [128, 128]);
});

step("openai: several", async () => {
  const { images } = await paint(openai.image("flux.1-demo"), { n: 3 });
  assert.equal(images.length, 3);
});

step("openai: edit", async () => {
  const { image } = await paint(openai.image("flux.1-demo"), {
    prompt: { text: prompt, images: [picture] }, size: undefined,
  });
  assert.deepEqual(sizeOf(image.uint8Array), [256, 256]);
});

step("openai: edit with a mask", async () => {
  const { image } = await paint(openai.image("flux.1-demo"), {
    prompt: { text: prompt, images: [picture], mask: alphaMask }, size: undefined,
  });
  assert.deepEqual(sizeOf(image.uint8Array), [256, 256]);
});

step("openai: look", async () => {
  const { text } = await generateText({ model: openai.chat("florence-2-demo"), ...looks });
  assert.deepEqual(JSON.parse(text)["<OD>"].labels, ["circle"]);
});

step("openai: look, by stream", async () => {
  const { textStream } = streamText({ model: openai.chat("florence-2-demo"), ...looks });
  let told = "";
  for await (const part of textStream) told += part;
  assert.match(told, /circle/);
});

step("replicate: generate", async () => {
  const { image } = await paint(replicate.image("bottega/flux.1-demo"));
  assert.ok(["webp", "png"].includes(kindOf(image.uint8Array)));
});

step("replicate: an aspect ratio and a seed", async () => {
  const { image } = await paint(replicate.image("bottega/flux.1-demo"), {
    size: undefined, aspectRatio: "16:9", seed: 3,
    providerOptions: { replicate: { output_format: "png", num_inference_steps: 2 } },
  });
  const [width, height] = sizeOf(image.uint8Array);
  assert.ok(width > height);
});

step("replicate: edit", async () => {
  const { image } = await paint(replicate.image("bottega/flux.1-demo"), {
    prompt: { text: prompt, images: [picture], mask }, size: undefined,
  });
  assert.ok(image.uint8Array.length > 0);
});

step("fal: generate", async () => {
  const { image, providerMetadata } = await paint(fal.image("bottega/flux.1-demo"));
  assert.equal(kindOf(image.uint8Array), "jpeg");
  assert.equal(providerMetadata.fal.images[0].width, 128);
});

step("fal: an aspect ratio", async () => {
  const { image } = await paint(fal.image("bottega/flux.1-demo"), {
    size: undefined, aspectRatio: "4:3",
  });
  assert.ok(image.uint8Array.length > 0);
});

step("fal: edit", async () => {
  const { image } = await paint(fal.image("bottega/flux.1-demo/image-to-image"), {
    prompt: { text: prompt, images: [picture] }, size: undefined,
    providerOptions: { fal: { strength: 0.9 } },
  });
  assert.ok(image.uint8Array.length > 0);
});

step("fal: references", async () => {
  const { image } = await paint(fal.image("bottega/flux.2-demo/edit"), {
    prompt: { text: prompt, images: [picture, picture] },
    providerOptions: { fal: { useMultipleImages: true } },
  });
  assert.ok(image.uint8Array.length > 0);
});

step("black-forest-labs: generate", async () => {
  const { image } = await paint(bfl.image("flux.1-demo"), {
    size: undefined, aspectRatio: "1:1",
    providerOptions: { blackForestLabs: { width: 256, height: 256, outputFormat: "png" } },
  });
  assert.deepEqual(sizeOf(image.uint8Array), [256, 256]);
});

step("black-forest-labs: edit with references", async () => {
  const { image } = await paint(bfl.image("flux.2-demo"), {
    prompt: { text: prompt, images: [picture, picture] }, size: undefined, aspectRatio: "1:1",
  });
  assert.ok(image.uint8Array.length > 0);
});

const failed = (name, key, model) => {
  const [make, usual] = providers[name];
  return thrown(() => paint(make(key).image(model ?? usual)));
};
const badKey = async (name) => {
  const error = await failed(name, "wrong");
  assert.ok([401, 403].includes(error.statusCode), String(error));
};
const unknownModel = async (name, model = "nobody/nothing") => {
  const error = await failed(name, key, model);
  assert.equal(error.statusCode, 404, String(error));
  assert.match(error.message, /nothing/);
};
const noCredit = async (name) => {
  const error = await failed(name, facts.poor);
  assert.equal(error.statusCode, name === "openai" ? 429 : 402, String(error));
};

step("openai: bad key", () => badKey("openai"));
step("openai: unknown model", () => unknownModel("openai"));
step("openai: no credit", () => noCredit("openai"));
step("replicate: bad key", () => badKey("replicate"));
step("replicate: unknown model", () => unknownModel("replicate"));
step("replicate: no credit", () => noCredit("replicate"));
step("fal: bad key", () => badKey("fal"));
step("fal: unknown model", () => unknownModel("fal"));
step("fal: no credit", () => noCredit("fal"));
step("black-forest-labs: bad key", () => badKey("black-forest-labs"));
step("black-forest-labs: unknown model", () => unknownModel("black-forest-labs", "nothing"));
step("black-forest-labs: no credit", () => noCredit("black-forest-labs"));

step("openai: bad input", async () => {
  const error = await thrown(() => paint(openai.image("flux.1-demo"), { size: "17x17" }));
  assert.equal(error.statusCode, 400);
  assert.match(error.message, /size/);
});

step("fal: bad input", async () => {
  const error = await thrown(() => paint(fal.image("bottega/flux.1-demo"), { size: "17x99999" }));
  assert.equal(error.statusCode, 422);
  assert.match(error.message, /image_size/);
});

step("eight at once", async () => {
  const seeds = [...Array(8).keys()];
  const all = await Promise.all(
    seeds.map((seed) => paint(openai.image("flux.1-demo"), {
      providerOptions: { openai: { seed, steps: 1 } },
    })),
  );
  assert.equal(all.length, 8);
});

await main();
