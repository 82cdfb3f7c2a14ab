import { WindowStorage } from './window-storage.js';

const { jest } = import.meta;

describe('WindowStorage', () => {
  beforeEach(() => jest.useFakeTimers({ now: 0 }));
  afterEach(() => jest.useRealTimers());

  it('counts a caller until its window ends, also when the wall clock is changed', async () => {
    const storage = new WindowStorage();
    const hit = () => storage.increment('ann', 10_000, 2);
    expect(await hit()).toEqual({ totalHits: 1, timeToExpire: 10, isBlocked: false, timeToBlockExpire: 0 });
    jest.advanceTimersByTime(4_500);
    jest.setSystemTime(-3_600_000);
    expect(await hit()).toMatchObject({ totalHits: 2, timeToExpire: 6, isBlocked: false });
    expect(await hit()).toMatchObject({ totalHits: 3, isBlocked: true, timeToBlockExpire: 6 });
    expect(await storage.increment('bob', 10_000, 2)).toMatchObject({ totalHits: 1 });
    jest.advanceTimersByTime(5_500);
    expect(await hit()).toMatchObject({ totalHits: 1, isBlocked: false });
  });

  it('reports no more seconds than the window has, whatever the fractions of the clock', async () => {
    jest.spyOn(performance, 'now').mockReturnValue(27_695.766956601954);
    expect(await new WindowStorage().increment('ann', 60_000, 2)).toMatchObject({ timeToExpire: 60 });
    jest.restoreAllMocks();
  });

  it('removes callers whose window has ended, and the oldest one when there are too many', async () => {
    const storage = new WindowStorage(3);
    for (const caller of ['a', 'b', 'c', 'd']) {
      jest.advanceTimersByTime(1);
      await storage.increment(caller, 100, 1);
    }
    expect(storage.size).toBe(3);
    expect(await storage.increment('d', 100, 1)).toMatchObject({ totalHits: 2 });
    jest.advanceTimersByTime(1_000);
    await storage.increment('e', 100, 1);
    expect(storage.size).toBe(1);
  });
});
