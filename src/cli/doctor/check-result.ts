/** The result of one check of `cloutagent doctor`. */
export interface CheckResult {
  readonly check: string;
  /** `warning`: the server works, but something may surprise its operator. */
  readonly status: 'ok' | 'warning' | 'failed';
  /** What was found, and what to do about it. */
  readonly detail: string;
}

export const ok = (check: string, detail: string): CheckResult => ({ check, status: 'ok', detail });
export const warning = (check: string, detail: string): CheckResult => ({ check, status: 'warning', detail });
export const failed = (check: string, detail: string): CheckResult => ({ check, status: 'failed', detail });
