// Steps of a client's program: each is tried, and told as one line of JSON. See harness.py.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

export const facts = JSON.parse(readFileSync(process.env.BOTTEGA_CLIENT_FACTS, "utf8"));
export const { url, key } = facts;
export const prompt = "a red circle on a white background";
export const picture = readFileSync(facts.picture); // a circle, 256 x 256
export const mask = readFileSync(facts.mask); // white where it may be painted
export const alphaMask = readFileSync(facts.alpha_mask); // transparent where it may be painted
export const dataUri = `data:image/png;base64,${picture.toString("base64")}`;
export const maskUri = `data:image/png;base64,${mask.toString("base64")}`;
export { assert };

const steps = [];

// A step of the program.
export function step(name, run) {
  steps.push([name, run]);
}

// Do the steps one after another; a failed one does not end the program.
export async function main() {
  for (const [name, run] of steps) {
    if (process.env.CLIENT_STEP && process.env.CLIENT_STEP !== name) continue;
    const began = performance.now();
    let error = null;
    try {
      await run();
    } catch (problem) {
      error = String(problem?.stack ?? problem).slice(0, 4000);
      const body = problem?.body ?? problem?.responseBody ?? problem?.cause;
      if (body) error += `\n${JSON.stringify(body)?.slice(0, 1000)}`;
    }
    const seconds = Math.round(performance.now() - began) / 1000;
    console.log(JSON.stringify({ step: name, ok: error === null, seconds, error }));
  }
  process.exit(0); // connections that are kept open would hold it
}

// The exception that a call throws.
export async function thrown(run) {
  try {
    await run();
  } catch (error) {
    return error;
  }
  assert.fail("nothing was thrown");
}

// The width and height of a PNG.
export function sizeOf(bytes) {
  const png = Buffer.from(bytes);
  assert.equal(kindOf(png), "png");
  return [png.readUInt32BE(16), png.readUInt32BE(20)];
}

// The format of a picture by its first bytes.
export function kindOf(bytes) {
  const start = Buffer.from(bytes).subarray(0, 4).toString("latin1");
  if (start === "\x89PNG") return "png";
  if (start.startsWith("\xff\xd8\xff")) return "jpeg";
  return start === "RIFF" ? "webp" : "?";
}

// What a URL answers without a key.
export async function fetched(address) {
  const answer = await fetch(String(address), { redirect: "error" });
  assert.equal(answer.status, 200);
  return Buffer.from(await answer.arrayBuffer());
}

// An answer of the native API, to see what became of a job.
export async function native(path, body) {
  const answer = await fetch(url + path, {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  assert.ok(answer.ok, `${path}: ${answer.status}`);
  return answer.json();
}

// The program's last job, in the native form.
export async function newestJob() {
  return (await native("/v1/jobs?limit=1")).jobs[0];
}

// Call until the answer is true, and return it.
export async function eventually(condition, seconds = 30) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await condition();
    if (answer) return answer;
    assert.ok(Date.now() < deadline, `not within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

// Have the worker paint something else while `use` runs: a job of it waits for a while.
export async function busyWorker(use) {
  const input = { prompt: "something else", steps: 50, num_images: 4 };
  const body = { model: "flux.1-demo", input, priority: "high" };
  const jobs = [await native("/v1/jobs", body), await native("/v1/jobs", body)];
  try {
    await use();
  } finally {
    for (const job of jobs) await native(`/v1/jobs/${job.id}/cancel`, {});
  }
}

// Wait until the program's last job is canceled.
export async function awaitCancellation() {
  const job = await eventually(async () => {
    const newest = await newestJob();
    return newest.finished_at && newest;
  });
  assert.equal(job.state, "canceled");
}

// A signal that aborts soon.
export function soon(milliseconds = 700) {
  const stop = new AbortController();
  setTimeout(() => stop.abort(), milliseconds);
  return stop.signal;
}

// Receive one webhook on this machine: `use(url)` asks for it.
export async function receive(use) {
  let server;
  const received = new Promise((resolve) => {
    server = createServer((request, response) => {
      const parts = [];
      request.on("data", (part) => parts.push(part));
      request.on("end", () => {
        response.writeHead(200).end();
        resolve({ headers: request.headers, body: Buffer.concat(parts).toString() });
      });
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  await use(`http://127.0.0.1:${server.address().port}/hook`);
  const late = new Promise((_, reject) =>
    setTimeout(() => reject(new Error("no webhook came")), 60_000).unref(),
  );
  const answer = await Promise.race([received, late]);
  server.close();
  return answer;
}
