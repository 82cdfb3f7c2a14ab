import { getEventListeners } from 'node:events';
import { Semaphore } from './semaphore.js';

describe('Semaphore', () => {
  it('lets no more run at the same time than it has permits, in the order of the calls', async () => {
    const semaphore = new Semaphore(2);
    let running = 0;
    let most = 0;
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 9 }, async (_, index) => {
        using _permit = await semaphore.acquire();
        order.push(index);
        running += 1;
        most = Math.max(most, running);
        await new Promise(setImmediate);
        running -= 1;
      }),
    );
    expect(most).toBe(2);
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('loses no permit to a wait that is aborted', async () => {
    const semaphore = new Semaphore(1);
    const held = await semaphore.acquire();
    const controller = new AbortController();
    const aborted = semaphore.acquire(controller.signal);
    const next = semaphore.acquire();
    controller.abort(new Error('cancelled'));
    await expect(aborted).rejects.toThrow('cancelled');
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    held.release();
    (await next).release();
    (await semaphore.acquire()).release();
  });

  it('hands a permit over also when the signal aborts just after', async () => {
    const semaphore = new Semaphore(1);
    const held = await semaphore.acquire();
    const controller = new AbortController();
    const waiting = semaphore.acquire(controller.signal);
    held.release();
    controller.abort(new Error('too late'));
    (await waiting).release();
    (await semaphore.acquire()).release();
  });
});
