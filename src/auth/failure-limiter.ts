import { Inject, Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { ProblemError } from '../problems/problem.error.js';

const WINDOW_MS = 60_000;
const MAX_ADDRESSES = 10_000;

/** Limits how many wrong credentials an address may send per minute. */
@Injectable()
export class FailureLimiter {
  private windowEnd = 0;
  /** Failures in the current window, by address. */
  private failures = new Map<string, number>();

  constructor(@Inject(Settings) private readonly settings: Pick<Settings, 'MAX_AUTH_FAILURES_PER_MINUTE'>) {}

  /** @throws ProblemError 429 when the address has reached the limit */
  check(address: string): void {
    if ((this.current().get(address) ?? 0) < this.settings.MAX_AUTH_FAILURES_PER_MINUTE) return;
    const seconds = String(Math.ceil((this.windowEnd - performance.now()) / 1000));
    throw new ProblemError(
      'too_many_failed_attempts',
      `Your address has sent too many wrong credentials. Try again in ${seconds} s.`,
      { headers: { 'Retry-After': seconds } },
    );
  }

  /** Records a failure. Once 10,000 addresses have failed in the window, failures of further addresses are not counted. */
  record(address: string): void {
    const failures = this.current();
    if (failures.size < MAX_ADDRESSES || failures.has(address))
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
