import { StreamQuota } from './stream-quota.js';

const quota = () =>
  new StreamQuota({ MAX_STREAMS_PER_PRINCIPAL: 2, MAX_STREAMS_PER_EXECUTION: 3, MAX_STREAMS_PER_ADDRESS: 4 });
const refused = { status: 429, code: 'too_many_streams', extra: { headers: { 'Retry-After': '5' } } };

describe('StreamQuota', () => {
  it.each([
    ['principal', 2, (n: number) => ['ann', `e${n}`, `a${n}`]],
    ['execution', 3, (n: number) => [`p${n}`, 'e', `a${n}`]],
    ['address', 4, (n: number) => [`p${n}`, `e${n}`, '192.0.2.1']],
  ] as const)('bounds the streams of one %s', (_what, most, place) => {
    const streams = quota();
    const open = (n: number) => streams.acquire(...(place(n) as [string, string, string]));
    const releases = Array.from({ length: most }, (_u, n) => open(n));
    expect(() => open(most)).toThrow(expect.objectContaining(refused));
    releases[0]!();
    open(most);
    expect(() => open(most + 1)).toThrow(expect.objectContaining(refused));
  });

  it('gives a place back once, however often it is released', () => {
    const streams = quota();
    const first = streams.acquire('ann', 'e', 'a');
    streams.acquire('ann', 'e', 'a');
    first();
    first();
    streams.acquire('ann', 'e', 'a');
    expect(() => streams.acquire('ann', 'e', 'a')).toThrow(expect.objectContaining(refused));
  });

  it('keeps nothing of streams that are closed, and counts none that was refused', () => {
    const streams = quota();
    const releases = [1, 2].map((n) => streams.acquire('ann', `e${n}`, `a${n}`));
    for (let n = 0; n < 100; n += 1) expect(() => streams.acquire('ann', `x${n}`, `y${n}`)).toThrow();
    for (const release of releases) release();
    expect((streams as unknown as { open: Map<string, number> }).open.size).toBe(0);
  });
});
