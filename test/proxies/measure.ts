import { setTimeout as sleep } from 'node:timers/promises';
import type { Application } from './application.ts';
import type { Fetch } from './client.ts';

export type Figures = Record<string, string | number>;

const TOKENS = 100;
const FIRST_BYTES = 5;
const LEAVES = 3;
const FIRST_BYTE_MS = 5_000;
const LEAVE_MS = 10_000;
const RESTART_MS = 90_000;
const ELSEWHERE = '127.0.0.2';

const path = (id: string): string => `/api/executions/${id}/stream`;
const yes = (condition: boolean): string => (condition ? 'yes' : 'NO');
const quantile = (sorted: readonly number[], q: number): number =>
  Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? NaN) * 10) / 10;
const isWhole = (ids: readonly number[]): boolean => ids.every((id, index) => id === index + 1);

/** Measures the behaviour of a stream through a proxy. */
export async function measureStreams(app: Application, fetch: Fetch): Promise<Figures> {
  return {
    'first byte ms': await firstByte(app, fetch),
    ...(await tokens(app, fetch)),
    resumes: await resumes(app, fetch),
    'leaves after ms': await leaves(app, fetch),
    'keys apart': await keysApart(app, fetch),
  };
}

/** Returns the median time from a request to the first byte of its body, on an execution without further events. */
async function firstByte(app: Application, fetch: Fetch): Promise<string | number> {
  const id = await app.startExecution('quiet', 0);
  const taken: number[] = [];
  for (let n = 0; n < FIRST_BYTES; n += 1) {
    const began = performance.timeOrigin + performance.now();
    const stream = await fetch(path(id), { headers: app.admin });
    if (!(await stream.until(({ firstByteAt }) => firstByteAt !== undefined, FIRST_BYTE_MS))) return 'NONE';
    taken.push(stream.firstByteAt! - began);
    stream.close();
  }
  await app.call('POST', `/api/executions/${id}/cancel`);
  return quantile(
    taken.toSorted((one, other) => one - other),
    0.5,
  );
}

/** Returns the age of tokens on arrival, and whether all arrived in order, with the end of the stream. */
async function tokens(app: Application, fetch: Fetch): Promise<Figures> {
  const id = await app.startExecution('tokens', TOKENS);
  const stream = await fetch(path(id), { headers: app.admin });
  await stream.done();
  const ages = stream.frames
    .filter(({ type }) => type === 'execution:output')
    .map(({ at, data }) => at - Date.parse(data['timestamp'] as string))
    .toSorted((one, other) => one - other);
  const ids = stream.frames.map((frame) => Number(frame.id));
  const ended = stream.frames.at(-1)?.type === 'execution:completed';
  return {
    'token p50 ms': quantile(ages, 0.5),
    'p99 ms': quantile(ages, 0.99),
    'in order': yes(ages.length >= TOKENS && isWhole(ids) && ended),
  };
}

/** Returns whether a client that reconnects again and again receives each event once, and 204 at the end. */
async function resumes(app: Application, fetch: Fetch): Promise<string> {
  const id = await app.startExecution('resumes', 60);
  const seen: number[] = [];
  for (let turn = 1; turn <= 100; turn += 1) {
    const last = seen.at(-1);
    const headers = { ...app.admin, ...(last !== undefined && { 'last-event-id': String(last) }) };
    const stream = await fetch(path(id), { headers });
    if (stream.status !== 200) return yes(stream.status === 204 && isWhole(seen) && seen.length > 60);
    await stream.until(({ frames }) => frames.length > 15);
    seen.push(...stream.frames.map((frame) => Number(frame.id)));
    stream.close();
  }
  return 'NO';
}

/** Returns the time until the application notices that a client has disconnected: the longest of several tries. */
async function leaves(app: Application, fetch: Fetch): Promise<string | number> {
  const id = await app.startExecution('leaves', 0);
  const open = async (count: number): Promise<number> => {
    const began = performance.now();
    while ((await app.openStreams()) !== count) {
      if (performance.now() - began > LEAVE_MS) return Infinity;
      await sleep(10);
    }
    return performance.now() - began;
  };
  const taken: number[] = [];
  for (let n = 0; n < LEAVES; n += 1) {
    const stream = await fetch(path(id), { headers: app.admin });
    const hasOpened = (await open(1)) < Infinity;
    stream.close();
    taken.push(hasOpened ? await open(0) : Infinity);
  }
  await app.call('POST', `/api/executions/${id}/cancel`);
  const most = Math.max(...taken);
  return most === Infinity ? 'NEVER' : Math.round(most);
}

/**
 * Returns whether the proxy keeps the answers of different keys apart: no answer to one key goes to another key or to a
 * request without one, and a stored 204 does not replace a stream.
 */
async function keysApart(app: Application, fetch: Fetch): Promise<string> {
  const keys = { one: await app.createKey('one'), two: await app.createKey('two') };
  const id = await app.startExecution('one', 1);
  const ended = await (await fetch(path(id), { headers: app.admin })).done();
  const last = ended.frames.at(-1)?.id ?? '';
  for (const style of ['x-api-key', 'authorization'] as const) {
    const as = (key: string): Record<string, string> => ({
      [style]: style === 'authorization' ? `Bearer ${key}` : key,
    });
    for (const page of ['/api/executions?limit=1', '/api/keys']) {
      for (let n = 0; n < 2; n += 1) {
        const mine = await (await fetch(page, { headers: as(keys.one) })).done();
        if (mine.status !== 200 || !mine.text.includes('"one"')) return `NO (${mine.status} for ${style})`;
      }
      const others = await (await fetch(page, { headers: as(keys.two) })).done();
      const none = await (await fetch(page)).done();
      if (others.text.includes('"one"') || none.status !== 401) return 'NO';
    }
    const resumed = await fetch(path(id), { headers: { ...as(keys.one), 'last-event-id': last } });
    resumed.close();
    const fresh = await fetch(path(id), { headers: as(keys.one) });
    fresh.close();
    if (resumed.status !== 204 || fresh.status !== 200) return `NO (${resumed.status}, then ${fresh.status})`;
  }
  return 'yes';
}

/** Measures properties of a proxy that do not depend on the protocol. */
export async function measureProxy(app: Application, fetch: Fetch): Promise<Figures> {
  return {
    caller: await forwardsCaller(app, fetch),
    scheme: await forwardsScheme(fetch),
    ...(await recovers(app, fetch)),
  };
}

/**
 * Returns whether the application sees the real address of a caller, even with forged headers. A ticket works only from
 * the address that used it first.
 */
async function forwardsCaller(app: Application, fetch: Fetch): Promise<string> {
  const id = await app.startExecution('caller', 0);
  const { json } = await app.call('POST', `/api/executions/${id}/stream-tickets`, {});
  const open = async (from: string, headers: Record<string, string> = {}): Promise<number> => {
    const stream = await fetch(json['url'] as string, { from, headers });
    stream.close();
    return stream.status;
  };
  try {
    const first = await open('127.0.0.1');
    const elsewhere = await open(ELSEWHERE);
    const forged = await open(ELSEWHERE, { 'x-forwarded-for': '127.0.0.1' });
    const again = await open('127.0.0.1', { 'x-forwarded-for': ELSEWHERE });
    return yes([first, elsewhere, forged, again].join() === '200,401,401,200');
  } catch {
    // Not every system has more than one address on loopback.
    return '?';
  } finally {
    await app.call('POST', `/api/executions/${id}/cancel`);
  }
}

/** Returns whether the application sees a plain HTTP request as such, even with a forged header. */
async function forwardsScheme(fetch: Fetch): Promise<string> {
  const reply = await fetch('/health/live', { headers: { 'x-forwarded-proto': 'https' } });
  reply.close();
  return yes(reply.headers['strict-transport-security'] === undefined);
}

/**
 * Returns the answer to a stream that is opened while the application restarts, and the time from the application's return
 * to the first stream that opens.
 */
async function recovers(app: Application, fetch: Fetch): Promise<Figures> {
  const id = await app.startExecution('restarts', 0);
  const open = async (): Promise<string | number> => {
    const stream = await fetch(path(id), { headers: app.admin });
    stream.close();
    return stream.status;
  };
  await open();
  await app.stop();
  const during = open().catch(() => 'broken');
  await app.start();
  const began = performance.now();
  let back: string | number = 'NEVER';
  for (let took = 0; back === 'NEVER' && took < RESTART_MS; took = performance.now() - began) {
    if ((await open().catch(() => 'broken')) === 200) back = Math.round(performance.now() - began);
    else await sleep(20);
  }
  await app.call('POST', `/api/executions/${id}/cancel`);
  return { 'during a restart': await during, 'back after ms': back };
}
