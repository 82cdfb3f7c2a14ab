import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Flushable, Turn } from './turn.js';

class Fake implements Flushable {
  isFull = false;
  restsUntil = 0;
  flushes = 0;
  constructor(private readonly takes: () => void) {}
  flush(): void {
    this.flushes += 1;
    this.takes();
  }
}

describe('Turn', () => {
  let now: number;
  let turn: Turn;
  const taking = (ms: number) => new Fake(() => (now += ms));
  beforeEach(() => {
    now = 1_000;
    turn = new Turn(() => now);
  });
  /** Waits until it was flushed so often. */
  async function flushed(fake: Fake, times: number): Promise<void> {
    while (fake.flushes < times) await nextTurn();
    expect(fake.flushes).toBe(times);
  }

  it('flushes at the end of the turn, all in one go', async () => {
    const fakes = [taking(0), taking(0), taking(0)];
    for (const fake of fakes) turn.add(fake);
    expect(fakes.map(({ flushes }) => flushes)).toEqual([0, 0, 0]);
    await nextTurn();
    expect(fakes.map(({ flushes }) => flushes)).toEqual([1, 1, 1]);
  });

  it('lets what took long rest as long, and nothing else', async () => {
    const [long, short] = [taking(10), taking(0.1)];
    for (let n = 1; n <= 5; n += 1) {
      turn.add(long);
      turn.add(short);
      await flushed(short, n);
    }
    expect(long.flushes).toBe(1);
    now += 9;
    turn.add(short);
    await flushed(short, 6);
    expect(long.flushes).toBe(1);
    now += 1;
    // By itself: nothing else has to come.
    await flushed(long, 2);
  });

  it('lets nothing rest that has much to write, or has rested before it came', async () => {
    const fake = taking(10);
    turn.add(fake);
    await flushed(fake, 1);
    turn.add(fake);
    await nextTurn();
    expect(fake.flushes).toBe(1);
    fake.isFull = true;
    turn.add(fake);
    await nextTurn();
    expect(fake.flushes).toBeGreaterThan(1);
    const before = fake.flushes;
    fake.isFull = false;
    now += 10;
    turn.add(fake);
    await nextTurn();
    expect(fake.flushes).toBeGreaterThan(before);
  });

  it('lets nothing rest for longer than 20 ms', async () => {
    const fake = taking(500);
    turn.add(fake);
    await flushed(fake, 1);
    turn.add(fake);
    now += 20;
    await flushed(fake, 2);
  });
});
