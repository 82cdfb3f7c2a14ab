import { setImmediate as yieldToEventLoop } from 'node:timers/promises';
import { type Flushable, FlushTiming, FlushScheduler } from './flush-scheduler.js';

class Fake implements Flushable {
  readonly timing = new FlushTiming();
  isFull = false;
  flushes = 0;
  constructor(private readonly takes: () => void) {}
  flush(): void {
    this.flushes += 1;
    this.takes();
  }
}

describe('FlushScheduler', () => {
  let now: number;
  let scheduler: FlushScheduler;
  const taking = (ms: number) => new Fake(() => (now += ms));
  beforeEach(() => {
    now = 1_000;
    scheduler = new FlushScheduler(() => now);
  });
  /** Waits until the fake was flushed `times` times, without advancing the clock. */
  async function flushed(fake: Fake, times: number): Promise<void> {
    while (fake.flushes < times) await yieldToEventLoop();
    expect(fake.flushes).toBe(times);
  }
  /** Expects that the fake is throttled: something that was added later is flushed, and the fake is not. */
  async function expectThrottled(fake: Fake, flushes: number): Promise<void> {
    const other = taking(0);
    scheduler.add(other);
    await flushed(other, 1);
    expect(fake.flushes).toBe(flushes);
  }

  it('flushes everything together at the end of the event loop iteration', async () => {
    const fakes = [taking(0), taking(0), taking(0)];
    for (const fake of fakes) scheduler.add(fake);
    expect(fakes.map(({ flushes }) => flushes)).toEqual([0, 0, 0]);
    await yieldToEventLoop();
    expect(fakes.map(({ flushes }) => flushes)).toEqual([1, 1, 1]);
  });

  it('throttles a flushable for half the time of a long flush if it has more right after it', async () => {
    const [long, short] = [taking(10), taking(0.1)];
    for (let n = 1; n <= 5; n += 1) {
      scheduler.add(short);
      await flushed(short, n);
    }
    scheduler.add(long);
    await flushed(long, 1);
    scheduler.add(long);
    now += 4;
    await expectThrottled(long, 1);
    now += 1;
    // Without another `add`.
    await flushed(long, 2);
  });

  it('does not throttle a flushable that had nothing to write for a while', async () => {
    const fake = taking(10);
    for (let n = 1; n <= 3; n += 1) {
      scheduler.add(fake);
      await yieldToEventLoop();
      expect(fake.flushes).toBe(n);
      now += 3;
    }
  });

  it('does not throttle a flushable that is full', async () => {
    const fake = taking(10);
    scheduler.add(fake);
    await flushed(fake, 1);
    scheduler.add(fake);
    await expectThrottled(fake, 1);
    fake.isFull = true;
    scheduler.add(fake);
    await yieldToEventLoop();
    expect(fake.flushes).toBeGreaterThan(1);
  });

  it('throttles for at most 10 ms', async () => {
    const fake = taking(500);
    scheduler.add(fake);
    await flushed(fake, 1);
    scheduler.add(fake);
    await expectThrottled(fake, 1);
    now += 10;
    await flushed(fake, 2);
  });
});
