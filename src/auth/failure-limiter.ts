import { Inject, Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { ProblemError } from '../problems/problem.error.js';

const WINDOW_MS = 60_000;
const MOST_ADDRESSES = 10_000;

/** Bounds how many wrong credentials an address may try in a minute. */
@Injectable()
export class FailureLimiter {
  private windowEnd = 0;
  private failures = new Map<string, number>();

  constructor(@Inject(Settings) private readonly settings: Pick<Settings, 'MAX_AUTH_FAILURES_PER_MINUTE'>) {}

  /** @throws ProblemError 429 */
  check(address: string): void {
    if ((this.current().get(address) ?? 0) < this.settings.MAX_AUTH_FAILURES_PER_MINUTE) return;
    const seconds = String(Math.ceil((this.windowEnd - performance.now()) / 1000));
    throw new ProblemError(
      'too_many_failed_attempts',
      `Too many wrong credentials came from your address. Try again in ${seconds} s.`,
      {
        headers: { 'Retry-After': seconds },
      },
    );
  }

  record(address: string): void {
    const failures = this.current();
    if (failures.size < MOST_ADDRESSES || failures.has(address))
      failures.set(address, (failures.get(address) ?? 0) + 1);
  }

  private current(): Map<string, number> {
    if (performance.now() >= this.windowEnd) {
      this.failures = new Map();
      this.windowEnd = performance.now() + WINDOW_MS;
    }
    return this.failures;
  }
}
