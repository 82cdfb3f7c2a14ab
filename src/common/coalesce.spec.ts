import { coalesce } from './coalesce.js';

describe('coalesce', () => {
  function controlled() {
    const runs: PromiseWithResolvers<void>[] = [];
    const call = coalesce(() => {
      const run = Promise.withResolvers<void>();
      runs.push(run);
      return run.promise;
    });
    return { runs, call };
  }

  it('begins the first run within the call', () => {
    const { runs, call } = controlled();
    void call();
    expect(runs).toHaveLength(1);
  });

  it('makes one further run of all calls during a run', async () => {
    const { runs, call } = controlled();
    const first = call();
    const others = [call(), call(), call()];
    expect(runs).toHaveLength(1);
    runs[0]!.resolve();
    await first;
    await Promise.resolve();
    await new Promise(setImmediate);
    expect(runs).toHaveLength(2);
    runs[1]!.resolve();
    await Promise.all(others);
    expect(runs).toHaveLength(2);
  });

  it('never lets two runs overlap, also when a call comes as a run ends', async () => {
    let running = 0;
    let most = 0;
    const call = coalesce(async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise(setImmediate);
      running -= 1;
    });
    for (let turn = 0; turn < 50; turn += 1) {
      void call();
      void call().then(call);
      if (turn % 3 === 0) await Promise.resolve();
      if (turn % 7 === 0) await new Promise(setImmediate);
    }
    await call();
    expect(most).toBe(1);
  });

  it('runs again after a failure, which only the callers of that run see', async () => {
    const { runs, call } = controlled();
    const first = call();
    const second = call();
    runs[0]!.reject(new Error('no connection'));
    await expect(first).rejects.toThrow('no connection');
    await new Promise(setImmediate);
    runs[1]!.resolve();
    await expect(second).resolves.toBeUndefined();
  });
});
