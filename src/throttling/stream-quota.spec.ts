import { StreamQuota } from './stream-quota.js';

const quota = () =>
  new StreamQuota({ MAX_STREAMS_PER_PRINCIPAL: 2, MAX_STREAMS_PER_EXECUTION: 3, MAX_STREAMS_PER_ADDRESS: 4 });
const refused = { status: 429, code: 'too_many_streams', extra: { headers: { 'Retry-After': '5' } } };

describe('StreamQuota', () => {
  it.each([
    ['principal', 2, (n: number) => ['ann', `e${n}`, `a${n}`]],
    ['execution', 3, (n: number) => [`p${n}`, 'e', `a${n}`]],
    ['address', 4, (n: number) => [`p${n}`, `e${n}`, '192.0.2.1']],
  ] as const)('limits the open streams of one %s', (_subject, max, keysOf) => {
    const streams = quota();
    const open = (n: number) => streams.acquire(...(keysOf(n) as [string, string, string]));
    const holders = Array.from({ length: max }, (_u, n) => open(n));
    expect(() => open(max)).toThrow(expect.objectContaining(refused));
    holders[0]!.release();
    open(max);
    expect(() => open(max + 1)).toThrow(expect.objectContaining(refused));
  });

  it('counts a stream that is released twice only once', () => {
    const streams = quota();
    const first = streams.acquire('ann', 'e', 'a');
    streams.acquire('ann', 'e', 'a');
    first.release();
    first.release();
    streams.acquire('ann', 'e', 'a');
    expect(() => streams.acquire('ann', 'e', 'a')).toThrow(expect.objectContaining(refused));
  });

  it('keeps no count of closed streams and of refused ones', () => {
    const streams = quota();
    const holders = [1, 2].map((n) => streams.acquire('ann', `e${n}`, `a${n}`));
    for (let n = 0; n < 100; n += 1) expect(() => streams.acquire('ann', `x${n}`, `y${n}`)).toThrow();
    for (const holder of holders) holder.release();
    expect((streams as unknown as { counts: Map<string, unknown> }).counts.size).toBe(0);
  });
});
