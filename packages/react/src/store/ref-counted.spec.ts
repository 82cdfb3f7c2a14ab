import { setTimeout as sleep } from 'node:timers/promises';
import { Shared } from './shared.js';

describe('What is shared by key', () => {
  const made: { key: string; closed: boolean; close(): void }[] = [];
  const make = (key: string) => {
    const one = { key, closed: false, close: () => void (one.closed = true) };
    made.push(one);
    return one;
  };
  beforeEach(() => made.splice(0));

  it('is one object until the last user has left', async () => {
    const shared = new Shared(make, 0);
    const first = shared.acquire('x');
    const second = shared.acquire('x');
    expect(first.value).toBe(second.value);
    first.release();
    first.release();
    await sleep(5);
    expect(made.map(({ closed }) => closed)).toEqual([false]);
    second.release();
    await sleep(5);
    expect(made.map(({ closed }) => closed)).toEqual([true]);
    expect(shared.peek('x')).toBeUndefined();
  });

  it('survives being let go of and taken again at once, as StrictMode does', async () => {
    const shared = new Shared(make, 0);
    shared.acquire('x').release();
    const { value } = shared.acquire('x');
    await sleep(5);
    expect(made).toHaveLength(1);
    expect(value.closed).toBe(false);
  });
});
