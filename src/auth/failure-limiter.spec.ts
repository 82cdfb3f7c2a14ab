import { FailureLimiter } from './failure-limiter.js';

const { jest } = import.meta;

describe('FailureLimiter', () => {
  beforeEach(() => jest.useFakeTimers({ now: 1_000_000 }));
  afterEach(() => jest.useRealTimers());

  it('refuses an address that has reached the limit until the minute ends', () => {
    const limiter = new FailureLimiter({ MAX_AUTH_FAILURES_PER_MINUTE: 2 });
    for (let count = 0; count < 2; count += 1) {
      limiter.check('a');
      limiter.record('a');
    }
    const refused = expect.objectContaining({ status: 429, code: 'too_many_failed_attempts' });
    expect(() => limiter.check('a')).toThrow(refused);
    expect(() => limiter.check('b')).not.toThrow();
    jest.setSystemTime(-3_600_000);
    jest.advanceTimersByTime(61_000);
    expect(() => limiter.check('a')).not.toThrow();
  });

  it('keeps a limited number of addresses, and still refuses those that it keeps', () => {
    const limiter = new FailureLimiter({ MAX_AUTH_FAILURES_PER_MINUTE: 1 });
    for (let n = 0; n < 50_000; n += 1) limiter.record(`address ${n}`);
    expect((limiter as unknown as { failures: Map<string, number> }).failures.size).toBe(10_000);
    expect(() => limiter.check('address 0')).toThrow();
  });
});
