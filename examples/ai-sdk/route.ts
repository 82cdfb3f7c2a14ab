// app/api/chat/[[...path]]/route.ts

/** Passes the requests of useChat on to the saved workflow `support`. The browser does not learn the key. */
async function forward(
  request: Request,
  { params }: { params: Promise<{ path?: string[] }> },
): Promise<Response> {
  const { path = [] } = await params;
  // Check here who the user is, and that the chat (path[0], or `id` of the body) is theirs.
  const suffix = path.map((part) => `/${encodeURIComponent(part)}`).join('');
  const answer = await fetch(`${process.env['CLOUTAGENT_URL']}/api/ai-sdk/demo/support${suffix}`, {
    method: request.method,
    headers: {
      Authorization: `Bearer ${process.env['CLOUTAGENT_API_KEY']}`,
      ...(request.method === 'POST' && { 'Content-Type': 'application/json' }),
    },
    body: request.method === 'POST' ? (await request.text()) || '{}' : null,
    signal: request.signal,
  });
  const headers = new Headers();
  for (const name of [
    'content-type',
    'x-vercel-ai-ui-message-stream',
    'cache-control',
    'x-accel-buffering',
  ]) {
    const value = answer.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  return new Response(answer.body, { status: answer.status, headers });
}

export { forward as GET, forward as POST };
