// The pass-through that also reads: what parsing request and usage costs in JavaScript. Also stands in for maya-edge when the
// benchmark itself is tried out (`--contender parse-js`).
export default {
  async fetch(request, env) {
    const body = await request.text();
    const { stream } = JSON.parse(body);
    const { pathname } = new URL(request.url);
    const response = await fetch(`${env.UPSTREAM}${pathname}`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${env.CEREBRAS_API_KEY}`,
        "content-type": "application/json",
        "user-agent": "parse-js",
      },
      body,
    });
    if (stream) return new Response(response.body, response);
    const answer = await response.text();
    const { usage } = JSON.parse(answer);
    const headers = new Headers(response.headers);
    headers.set("x-total-tokens", usage.total_tokens);
    return new Response(answer, { status: response.status, headers });
  },
};
