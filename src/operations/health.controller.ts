import { Controller, Get } from '@nestjs/common';
import { SkipThrottle } from '@nestjs/throttler';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { Public } from '../auth/access.decorators.js';
import { Database } from '../database/database.js';
import { Journal } from '../journal/journal.js';
import { Documented } from '../openapi/documented.decorator.js';
import { DatabaseUnavailableError } from '../problems/problem.error.js';

const READY_TIMEOUT_MS = 2_000;
/** Finds out whether the database is read-only. A standby server is read-only too. */
const READ_ONLY = `SELECT current_setting('transaction_read_only')::boolean AS "readOnly"`;
const OK = {
  status: 200,
  response: z.object({ status: z.literal('ok') }),
  examples: { ok: { value: { status: 'ok' } } },
  tag: 'Operations',
  anyQuery: true,
} as const;

@Controller('health')
@Public(true)
@SkipThrottle()
export class HealthController {
  constructor(
    private readonly database: Database,
    private readonly journal: Journal,
  ) {}

  @Get('live')
  @Documented({
    id: 'getLiveness',
    summary: 'Check that the process responds',
    description:
      'For a liveness probe: it does not use the database, so an outage of the database restarts no process.',
    ...OK,
  })
  live(): { status: 'ok' } {
    return { status: 'ok' };
  }

  @Get('ready')
  @Documented({
    id: 'getReadiness',
    summary: 'Check that the process and its database respond and that the database accepts writes',
    description: 'For a readiness probe.',
    ...OK,
    errors: ['database_unavailable'],
  })
  async ready(): Promise<{ status: 'ok' }> {
    const timeout = sleep(READY_TIMEOUT_MS, undefined, { ref: false });
    const result = await Promise.race([
      this.database.pool.query<{ readOnly: boolean }>(READ_ONLY).catch(() => undefined),
      timeout,
    ]);
    if (!result) throw new DatabaseUnavailableError();
    if (result.rows[0]?.readOnly || this.database.refusesWrites || this.journal.isBackingOff)
      throw new DatabaseUnavailableError(true);
    return { status: 'ok' };
  }
}
