// Calls a site through the official JavaScript client, and prints what it got as JSON.
//   node openai_clients.mjs BASE_URL TOKEN TEXT

import OpenAI from "openai";
import { createHash } from "node:crypto";

const [baseURL, apiKey, input] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const digest = (bytes) => createHash("sha256").update(bytes).digest("hex");
const call = { model: "tts-1-hd", voice: "nova", input };

async function whole(fields = {}) {
  const answer = await client.audio.speech.create({ ...call, ...fields });
  return { type: answer.headers.get("content-type"), digest: digest(Buffer.from(await answer.arrayBuffer())) };
}

async function streamed() {
  const answer = await client.audio.speech.create(call);
  const chunks = [];
  for await (const chunk of answer.body) chunks.push(chunk);
  return { digest: digest(Buffer.concat(chunks)), pieces: chunks.length };
}

async function events() {
  const answer = await client.audio.speech.create({ ...call, model: "life-review", stream_format: "sse" });
  const lines = (await answer.text()).split("\n\n").filter(Boolean);
  const told = lines.map((line) => JSON.parse(line.replace(/^data: /, "")));
  const audio = told.filter((event) => event.type === "speech.audio.delta").map((event) => Buffer.from(event.audio, "base64"));
  return { digest: digest(Buffer.concat(audio)), last: told.at(-1) };
}

async function refused(fields, key = apiKey) {
  try {
    await new OpenAI({ baseURL, apiKey: key, maxRetries: 0 }).audio.speech.create({ ...call, ...fields });
  } catch (error) {
    return { kind: error.constructor.name, status: error.status, code: error.code, param: error.param, id: error.requestID };
  }
}

const models = [];
for await (const model of client.models.list()) models.push(model.id);
const formats = {};
for (const format of ["mp3", "opus", "aac", "flac", "wav", "pcm"]) formats[format] = await whole({ response_format: format });

console.log(JSON.stringify({
  whole: await whole(),
  streamed: await streamed(),
  events: await events(),
  formats,
  models,
  model: (await client.models.retrieve("life-review")).id,
  wrongVoice: await refused({ voice: "nobody" }),
  wrongKey: await refused({}, "nonsense"),
}));
