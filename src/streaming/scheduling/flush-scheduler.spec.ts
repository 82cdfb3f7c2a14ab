import { setImmediate as nextTurn } from 'node:timers/promises';
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

describe('Turn', () => {
  let now: number;
  let turn: FlushScheduler;
  const taking = (ms: number) => new Fake(() => (now += ms));
  beforeEach(() => {
    now = 1_000;
    turn = new FlushScheduler(() => now);
  });
  /** Waits until it was flushed so often, at this time of the clock. */
  async function flushed(fake: Fake, times: number): Promise<void> {
    while (fake.flushes < times) await nextTurn();
    expect(fake.flushes).toBe(times);
  }
  /** What is added after it is flushed after it; so this one rests if it has not been flushed. */
  async function expectRest(fake: Fake, flushes: number): Promise<void> {
    const other = taking(0);
    turn.add(other);
    await flushed(other, 1);
    expect(fake.flushes).toBe(flushes);
  }

  it('flushes at the end of the turn, all in one go', async () => {
    const fakes = [taking(0), taking(0), taking(0)];
    for (const fake of fakes) turn.add(fake);
    expect(fakes.map(({ flushes }) => flushes)).toEqual([0, 0, 0]);
    await nextTurn();
    expect(fakes.map(({ flushes }) => flushes)).toEqual([1, 1, 1]);
  });

  it('lets rest half as long what took long and has more at once, and nothing else', async () => {
    const [long, short] = [taking(10), taking(0.1)];
    for (let n = 1; n <= 5; n += 1) {
      turn.add(short);
      await flushed(short, n);
    }
    turn.add(long);
    await flushed(long, 1);
    turn.add(long);
    now += 4;
    await expectRest(long, 1);
    now += 1;
    // By itself: nothing else has to come.
    await flushed(long, 2);
  });

  it('lets nothing rest that had nothing to write for a while', async () => {
    const fake = taking(10);
    for (let n = 1; n <= 3; n += 1) {
      turn.add(fake);
      await nextTurn();
      expect(fake.flushes).toBe(n);
      now += 3;
    }
  });

  it('lets nothing rest that has much to write', async () => {
    const fake = taking(10);
    turn.add(fake);
    await flushed(fake, 1);
    turn.add(fake);
    await expectRest(fake, 1);
    fake.isFull = true;
    turn.add(fake);
    await nextTurn();
    expect(fake.flushes).toBeGreaterThan(1);
  });

  it('lets nothing rest for longer than 10 ms', async () => {
    const fake = taking(500);
    turn.add(fake);
    await flushed(fake, 1);
    turn.add(fake);
    await expectRest(fake, 1);
    now += 10;
    await flushed(fake, 2);
  });
});
