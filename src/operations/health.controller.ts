import { Controller, Get } from '@nestjs/common';
import { SkipThrottle } from '@nestjs/throttler';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { Public } from '../auth/access.decorators.js';
import { Database } from '../database/database.js';
import { Documented } from '../openapi/documented.decorator.js';
import { DatabaseUnavailableError } from '../problems/problem.error.js';

const READY_TIMEOUT_MS = 2_000;
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
  constructor(private readonly database: Database) {}

  @Get('live')
  @Documented({ summary: 'The process answers', ...OK })
  live(): { status: 'ok' } {
    return { status: 'ok' };
  }

  @Get('ready')
  @Documented({ summary: 'The process and its database answer', ...OK, errors: ['database_unavailable'] })
  async ready(): Promise<{ status: 'ok' }> {
    const late = sleep(READY_TIMEOUT_MS, 'late' as const, { ref: false });
    const answer = await Promise.race([
      this.database.pool.query('SELECT 1').catch(() => 'broken' as const),
      late,
    ]);
    if (answer === 'late' || answer === 'broken') throw new DatabaseUnavailableError();
    return { status: 'ok' };
  }
}
