// Starts GraphiQL against the URL that the page itself came from.
"use strict";

// One next event per response; a comment or a complete event carries none.
async function* readEvents(answer) {
  const decoder = new TextDecoder();
  const reader = answer.body.getReader();
  let text = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += decoder.decode(value, { stream: true });
      const blocks = text.split("\n\n");
      text = blocks.pop();
      for (const block of blocks) {
        const lines = block.split("\n");
        if (lines.includes("event: complete")) return;
        const data = lines.filter((line) => line.startsWith("data: ")).map((line) => line.slice(6));
        if (data.length) yield JSON.parse(data.join("\n"));
      }
    }
  } finally {
    await reader.cancel();
  }
}

// A query or a mutation is answered as JSON; a subscription can only be answered as an event stream.
async function fetchGraphQL(parameters, options) {
  const answer = await fetch(window.location.pathname, {
    method: "POST",
    headers: {
      accept: "application/graphql-response+json, application/json;q=0.9, text/event-stream;q=0.8",
      "content-type": "application/json",
      ...options?.headers,
    },
    body: JSON.stringify(parameters),
  });
  const mediaType = answer.headers.get("content-type") ?? "";
  if (mediaType.startsWith("text/event-stream")) return readEvents(answer);
  if (mediaType.includes("json")) return answer.json();
  throw new Error(`${answer.status} ${answer.statusText}`);
}

ReactDOM.createRoot(document.getElementById("graphiql")).render(
  React.createElement(GraphiQL, { fetcher: fetchGraphQL, shouldPersistHeaders: false }),
);
