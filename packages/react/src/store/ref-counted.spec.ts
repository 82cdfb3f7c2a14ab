import { setTimeout as sleep } from 'node:timers/promises';
import { RefCounted } from './ref-counted.js';

describe('RefCounted', () => {
  const made: { key: string; closed: boolean; close(): void }[] = [];
  const make = (key: string) => {
    const one = { key, closed: false, close: () => void (one.closed = true) };
    made.push(one);
    return one;
  };
  beforeEach(() => made.splice(0));

  it('keeps one object per key until its last user has released it', async () => {
    const objects = new RefCounted(make, 0);
    const first = objects.acquire('x');
    const second = objects.acquire('x');
    expect(first.value).toBe(second.value);
    first.release();
    first.release();
    await sleep(5);
    expect(made.map(({ closed }) => closed)).toEqual([false]);
    second.release();
    await sleep(5);
    expect(made.map(({ closed }) => closed)).toEqual([true]);
    expect(objects.peek('x')).toBeUndefined();
  });

  it('keeps an object that is released and acquired again immediately, as in StrictMode', async () => {
    const objects = new RefCounted(make, 0);
    objects.acquire('x').release();
    const { value } = objects.acquire('x');
    await sleep(5);
    expect(made).toHaveLength(1);
    expect(value.closed).toBe(false);
  });
});
