import { frame, ScriptedStream } from '../../../test/support/scripted-stream.js';
import { CloutAgent } from './client.js';

const of = (executionId: string, sequence: number, cursor: string, type = 'execution:output'): string =>
  frame(0, '', type, { executionId, sequence }).replace('id: 0', `id: ${cursor}`);

async function read(server: ScriptedStream, filter: string | { executionIds: string[] }): Promise<string[]> {
  const client = new CloutAgent({ baseUrl: server.url, reconnect: { baseMs: 1, maxMs: 2 } });
  const seen: string[] = [];
  for await (const event of client.executions.watch(filter))
    seen.push(`${event.executionId}${event.sequence}`);
  await server.close();
  return seen;
}

describe('watching many executions', () => {
  it('keeps each execution’s order, goes on at the cursor, drops what comes twice, ends at 204', async () => {
    const server = await ScriptedStream.start(
      { chunks: [of('a', 1, 'c1'), of('b', 1, 'c2'), of('a', 2, 'c3')], ending: 'cut' },
      { chunks: [of('a', 2, 'c3'), of('b', 2, 'c4', 'execution:failed'), of('a', 3, 'c5')] },
      { status: 204 },
    );
    expect(await read(server, { executionIds: ['a', 'b'] })).toEqual(['a1', 'b1', 'a2', 'b2', 'a3']);
    expect(server.requests.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, 'c3', 'c5']);
    expect(server.requests[0]?.url).toBe('/api/executions/stream?executionIds=a%2Cb');
  });

  it('goes on at the cursor of the first frame when the connection breaks before the first event', async () => {
    const fields = { timestamp: 't', message: 'm', executions: 0, cursor: 'c0' };
    const established = `retry: 1\nevent: connection:established\ndata: ${JSON.stringify(fields)}\nid: c0\n\n`;
    const server = await ScriptedStream.start(
      { chunks: [established], ending: 'cut' },
      { chunks: [established, of('a', 1, 'c1')], ending: 'cut' },
      { status: 204 },
    );
    expect(await read(server, 'p')).toEqual(['a1']);
    expect(server.requests.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, 'c0', 'c1']);
  });

  it('fetches again from before a gap in one execution', async () => {
    const server = await ScriptedStream.start(
      { chunks: [of('a', 1, 'c1'), of('b', 4, 'c2'), of('a', 3, 'c4')], ending: 'hang' },
      { chunks: [of('a', 2, 'c3'), of('a', 3, 'c4')] },
      { status: 204 },
    );
    expect(await read(server, 'demo')).toEqual(['a1', 'b4', 'a2', 'a3']);
    expect(server.requests[1]?.headers['last-event-id']).toBe('c2');
    expect(server.requests[0]?.url).toBe('/api/executions/stream?projectId=demo');
  });
});
