// What the runtime alone costs: no upstream, no body.
export default { fetch: () => new Response("hello") };
