import { Body, Controller, Headers, Param, Post, Res } from '@nestjs/common';
import { ExecutionId, Json, SentSignal, SignalName } from '@cloutagent/contract';
import type { Response } from 'express';
import { CurrentPrincipal, RequireScope } from '../auth/access.decorators.js';
import type { Principal } from '../auth/principal.js';
import { Documented } from '../openapi/documented.decorator.js';
import { checkIdempotencyKey } from '../problems/idempotency-key.js';
import { SignalSender } from './commands/signal-sender.js';
import { EXAMPLE_SIGNAL } from './examples.js';

/** Without a body, the body of the signal is null. */
const SignalBody = Json.default(null);

@Controller('api/executions')
export class SignalsController {
  constructor(private readonly signals: SignalSender) {}

  @Post(':executionId/signals/:name')
  @RequireScope('executions:control')
  @Documented({
    id: 'sendSignal',
    tag: 'Waits',
    summary: 'Send a signal to an execution',
    description:
      'The signal ends the oldest open wait of its name, whose node gets the body. If no wait of the name is open, the signal is ' +
      'kept for the next one, up to MAX_SIGNALS_PER_EXECUTION of them. Signals of a name are consumed in the order in which they ' +
      'were sent. Without a body, the body is null; it has SIGNAL_MAX_BYTES at most.',
    status: 202,
    params: { executionId: ExecutionId, name: SignalName },
    requestHeaders: ['Idempotency-Key'],
    body: { schema: SignalBody, required: false, examples: { payment: { value: { amount: 120 } } } },
    response: SentSignal,
    examples: { sent: { value: EXAMPLE_SIGNAL } },
    responseHeaders: ['Idempotency-Replayed'],
    errors: [
      'not_found',
      'invalid_answer',
      'execution_over',
      'idempotency_key_reused',
      'too_many_signals',
      'no_worker_free',
    ],
  })
  async send(
    @Param('executionId') executionId: string,
    @Param('name') name: string,
    @Body({ schema: SignalBody }) body: Json,
    @Headers('idempotency-key') key: string | undefined,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) response: Response,
  ): Promise<SentSignal> {
    const { signal, replayed } = await this.signals.send(
      executionId,
      name,
      body,
      principal,
      checkIdempotencyKey(key),
    );
    if (replayed) response.setHeader('Idempotency-Replayed', 'true');
    return signal;
  }
}
