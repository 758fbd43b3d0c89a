// The requests: about 1 kB of chat each, as a content tool would send them.

const system =
  "You write for a small bakery in Oslo. House style: short sentences, plain words, no exclamation marks, at most one emoji, never a " +
  "hashtag in the first line. Name the product and what it is made of before you name the price. Prices are in kroner. When the text is " +
  "for a network with little room, cut the price last. If a fact is missing, leave the sentence out and do not invent one. Answer with the " +
  "text alone, without an introduction and without quotation marks around it. Keep the reading level low enough for a child of ten, and " +
  "keep the tone of somebody who is glad to be up early.";
const question = "Write a post about our cardamom buns, which come out of the oven at seven and are gone by nine. Variant";

const body = (prompt, fields) =>
  JSON.stringify({
    model: "gpt-oss-120b",
    messages: [
      { role: "system", content: system },
      { role: "user", content: prompt },
    ],
    max_completion_tokens: 256,
    ...fields,
  });

// 280 characters: the longest post of the network with the least room.
const post =
  "write a post about our cardamom buns for tomorrow morning please, they come out of the oven at seven and are gone by nine, so say that " +
  "people should come early, mention ann@bakery.example for orders, keep it warm and short, no hashtags, and ask what they would like to " +
  "see on the shelf n";
const understand = (path, fields) => ({ path, body: JSON.stringify({ input: post, edge: "only", ...fields }), upstream: 0 });

const streamEnd = "data: [DONE]";

/**
 * `{{n}}` becomes another word for every request; `end` is how a whole answer ends; `path` is where it goes, unless to chat completions;
 * `upstream` how many calls it may cause, unless that is the contender's to say.
 */
export const scenarios = {
  // Sampled at a temperature, so no answer stands for another: not cacheable.
  miss: { body: body(`${question} one.`, { temperature: 0.7 }) },
  cacheable: { body: body(`${question} {{n}}.`, { temperature: 0 }) },
  hit: { body: body(`${question} two.`, { temperature: 0 }) },
  stream: { body: body(`${question} three.`, { temperature: 0.7, stream: true }), end: streamEnd },
  // 20 ms to the first token, then an event every 2.3 ms: about what Cerebras does.
  paced: { body: body(`${question} delay-ms-20 pace-ms-2.3 four.`, { temperature: 0.7, stream: true }), end: streamEnd },
  intents: understand("/v1/intents"),
  sentiments: understand("/v1/sentiments"),
  languages: understand("/v1/languages"),
  pii: understand("/v1/pii", { redact: true }),
  measures: understand("/v1/measures"),
  moderations: understand("/v1/moderations"),
  embeddings: { ...understand("/v1/embeddings"), body: JSON.stringify({ model: "maya-edge-embed", input: post }) },
  // The edge is sure of what is wanted, so the model is asked for the posts alone.
  posts: { path: "/v1/posts", body: JSON.stringify({ instruction: question.replace(" Variant", ""), platforms: ["x", "linkedin"], language: "en" }), upstream: 1 },
  preview: { path: "/v1/posts/preview", body: JSON.stringify({ text: post }), upstream: 0 },
  score: { path: "/v1/posts/score", body: JSON.stringify({ text: post, platforms: ["x", "linkedin"] }), upstream: 0 },
  slow: { body: body(`${question} delay-ms-20 five.`, { temperature: 0.7 }) },
};
