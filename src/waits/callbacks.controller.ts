import { Body, Controller, Param, Post } from '@nestjs/common';
import { Json } from '@cloutagent/contract';
import { z } from 'zod';
import { Public } from '../auth/access.decorators.js';
import { Callbacks } from '../engine/waits/callbacks.js';
import { Documented } from '../openapi/documented.decorator.js';

const CallbackBody = Json.default(null);
const Token = z.string().regex(/^cbk_[A-Za-z0-9_-]{43}$/);

/** Takes the answers of third parties, which have an address instead of a key. Limits count them by their address. */
@Controller('api/callbacks')
@Public()
export class CallbacksController {
  constructor(private readonly callbacks: Callbacks) {}

  @Post(':token')
  @Documented({
    id: 'receiveCallback',
    tag: 'Waits',
    summary: 'Receive the callback of a third party',
    description:
      'A workflow gives this address to a third party as `{{nodes.<id>.callbackUrl}}`. It works once, without a credential: the ' +
      'body ends the wait of the node, also if that begins later. A body of another type than JSON is taken as a text. It has ' +
      'SIGNAL_MAX_BYTES at most. A body that does not fit the schema of the wait does not use the address up.',
    status: 202,
    params: { token: Token },
    body: { schema: CallbackBody, required: false, examples: { result: { value: { status: 'done' } } } },
    errors: ['not_found', 'callback_used', 'invalid_answer', 'too_many_signals', 'no_worker_free'],
  })
  receive(@Param('token') token: string, @Body({ schema: CallbackBody }) body: Json): Promise<void> {
    return this.callbacks.receive(token, body);
  }
}
