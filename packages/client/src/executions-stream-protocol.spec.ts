import { frame, ScriptedStream } from '../../../test/support/scripted-stream.js';
import { CloutAgent } from './client.js';

const eventOf = (executionId: string, sequence: number, cursor: string, type = 'execution:output'): string =>
  frame(0, '', type, { executionId, sequence }).replace('id: 0', `id: ${cursor}`);

async function read(server: ScriptedStream, filter: string | { executionIds: string[] }): Promise<string[]> {
  const client = new CloutAgent({ baseUrl: server.url, reconnect: { baseMs: 1, maxMs: 2 } });
  const seen: string[] = [];
  for await (const event of client.executions.watch(filter))
    seen.push(`${event.executionId}${event.sequence}`);
  await server.close();
  return seen;
}

describe('ExecutionsApi.watch', () => {
  it('keeps the order of each execution, resumes at the cursor, drops duplicates and ends at 204', async () => {
    const server = await ScriptedStream.start(
      { chunks: [eventOf('a', 1, 'c1'), eventOf('b', 1, 'c2'), eventOf('a', 2, 'c3')], ending: 'cut' },
      { chunks: [eventOf('a', 2, 'c3'), eventOf('b', 2, 'c4', 'execution:failed'), eventOf('a', 3, 'c5')] },
      { status: 204 },
    );
    expect(await read(server, { executionIds: ['a', 'b'] })).toEqual(['a1', 'b1', 'a2', 'b2', 'a3']);
    expect(server.requests.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, 'c3', 'c5']);
    expect(server.requests[0]?.url).toBe('/api/executions/stream?executionIds=a%2Cb');
  });

  it('resumes at the cursor of the first frame when the connection breaks before the first event', async () => {
    const fields = { timestamp: 't', message: 'm', executions: 0, cursor: 'c0' };
    const established = `retry: 1\nevent: connection:established\ndata: ${JSON.stringify(fields)}\nid: c0\n\n`;
    const server = await ScriptedStream.start(
      { chunks: [established], ending: 'cut' },
      { chunks: [established, eventOf('a', 1, 'c1')], ending: 'cut' },
      { status: 204 },
    );
    expect(await read(server, 'p')).toEqual(['a1']);
    expect(server.requests.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, 'c0', 'c1']);
  });

  it('reconnects from before a gap in one execution', async () => {
    const server = await ScriptedStream.start(
      { chunks: [eventOf('a', 1, 'c1'), eventOf('b', 4, 'c2'), eventOf('a', 3, 'c4')], ending: 'hang' },
      { chunks: [eventOf('a', 2, 'c3'), eventOf('a', 3, 'c4')] },
      { status: 204 },
    );
    expect(await read(server, 'demo')).toEqual(['a1', 'b4', 'a2', 'a3']);
    expect(server.requests[1]?.headers['last-event-id']).toBe('c2');
    expect(server.requests[0]?.url).toBe('/api/executions/stream?projectId=demo');
  });
});
