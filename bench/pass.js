// The yardstick: the least that a Worker in front of an API can do in JavaScript.
export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    const response = await fetch(`${env.UPSTREAM}${pathname}`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${env.CEREBRAS_API_KEY}`,
        "content-type": "application/json",
        "user-agent": "pass-js",
      },
      body: request.body,
    });
    return new Response(response.body, response);
  },
};
