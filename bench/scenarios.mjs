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

const streamEnd = "data: [DONE]";

/** `{{n}}` becomes another word for every request; `end` is how a whole answer ends. */
export const scenarios = {
  // Sampled at a temperature, so no answer stands for another: not cacheable.
  miss: { body: body(`${question} one.`, { temperature: 0.7 }) },
  cacheable: { body: body(`${question} {{n}}.`, { temperature: 0 }) },
  hit: { body: body(`${question} two.`, { temperature: 0 }) },
  stream: { body: body(`${question} three.`, { temperature: 0.7, stream: true }), end: streamEnd },
  // 20 ms to the first token, then an event every 2.3 ms: about what Cerebras does.
  paced: { body: body(`${question} delay-ms-20 pace-ms-2.3 four.`, { temperature: 0.7, stream: true }), end: streamEnd },
  slow: { body: body(`${question} delay-ms-20 five.`, { temperature: 0.7 }) },
};
