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
/** A standby is read-only as well. */
const READ_ONLY = `SELECT current_setting('transaction_read_only')::boolean AS "readOnly"`;
const OK = {
  status: 200,
  response: z.object({ status: z.literal('ok') }),
  example: { status: 'ok' },
  open: true,
};

@Controller('health')
@Public(true)
@SkipThrottle()
export class HealthController {
  constructor(
    private readonly database: Database,
    private readonly journal: Journal,
  ) {}

  @Get('live')
  @Documented({ summary: 'The process answers', ...OK })
  live(): { status: 'ok' } {
    return { status: 'ok' };
  }

  @Get('ready')
  @Documented({
    summary: 'The process and its database answer, and the database takes writes',
    ...OK,
    errors: ['database_unavailable'],
  })
  async ready(): Promise<{ status: 'ok' }> {
    const late = sleep(READY_TIMEOUT_MS, undefined, { ref: false });
    const answer = await Promise.race([
      this.database.pool.query<{ readOnly: boolean }>(READ_ONLY).catch(() => undefined),
      late,
    ]);
    if (!answer) throw new DatabaseUnavailableError();
    if (answer.rows[0]?.readOnly || this.database.refusesWrites || this.journal.isBackingOff)
      throw new DatabaseUnavailableError(true);
    return { status: 'ok' };
  }
}
