import type { Server } from './server.js';
import { type Frame, TERMINAL, upTo, Watch } from './watch.js';

/** Returns the sequences of each execution in the order of their arrival. */
export function sequences(frames: readonly Frame[]): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const { data } of frames) {
    const own = found.get(data.executionId);
    if (own) own.push(data.sequence);
    else found.set(data.executionId, [data.sequence]);
  }
  return found;
}
export const ended = (frames: readonly Frame[]): string[] =>
  frames.filter(({ type }) => TERMINAL.test(type)).map(({ data }) => data.executionId);
/** A node that waits for an approval. */
export const approval = { id: 'ask', type: 'approval', data: {} };

/** Checks that the frames hold exactly these executions, each with all its events 1…n and its end. */
export async function expectWhole(
  server: Server,
  frames: readonly Frame[],
  ids: readonly string[],
): Promise<void> {
  const received = sequences(frames);
  expect([...received.keys()].toSorted()).toEqual(ids.toSorted());
  expect(ended(frames).toSorted()).toEqual(ids.toSorted());
  for (const id of ids) {
    const { body } = await server.call('GET', `/api/executions/${id}`);
    expect([id, received.get(id)]).toEqual([id, upTo(body.lastSequence)]);
  }
}

/** Follows a stream like a client whose connection breaks many times, until `isDone` or 204. */
export async function follow(
  url: () => string,
  path: string,
  isDone: (frames: readonly Frame[]) => boolean,
  maxFrames = 60,
): Promise<{ frames: Frame[]; connections: number }> {
  const frames: Frame[] = [];
  for (let connections = 1; ; connections += 1) {
    const before = frames.length;
    const stopAt = connections <= 50 ? 1 + Math.floor(Math.random() * maxFrames) : Infinity;
    const watch = new Watch(url(), path, { 'last-event-id': frames.at(-1)?.cursor ?? '' });
    const done = (now: Watch) => now.frames.length >= stopAt || isDone([...frames, ...now.frames]);
    await watch.until(done, 60_000).catch(() => undefined);
    const { status, ended: byServer } = watch;
    watch.close();
    frames.push(...watch.frames);
    if (isDone(frames) || status === 204) return { frames, connections };
    if (byServer && frames.length === before && status !== 0 && status !== 200)
      throw new Error(`answered ${status}`);
  }
}
