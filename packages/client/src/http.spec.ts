import { frame, ScriptedStream } from '../../../test/support/scripted-stream.js';
import { CloutAgent } from './client.js';

describe('Http', () => {
  let server: ScriptedStream;
  afterEach(() => server?.close());

  it('bypasses caches, for a call and for a stream', async () => {
    server = await ScriptedStream.start(
      { chunks: ['{"executions":[],"nextCursor":null}'] },
      { chunks: [frame(1, '', 'execution:completed')] },
    );
    const modes: (RequestInit['cache'] | undefined)[] = [];
    const client = new CloutAgent({
      baseUrl: server.url,
      fetch: (url, init) => {
        modes.push(init?.cache);
        return fetch(url, init);
      },
    });
    await client.executions.list();
    for await (const { type } of client.executions.stream('x')) expect(type).toBe('execution:completed');
    expect(modes).toEqual(['no-store', 'no-store']);
    // fetch adds these headers (Fetch Standard, HTTP-network-or-cache fetch), so that caches on the way revalidate.
    expect(server.requests.map(({ headers }) => headers['cache-control'])).toEqual(['no-cache', 'no-cache']);
  });
});
