import { Controller, Param, Post, Req, Res } from '@nestjs/common';
import { Json, ProjectId, TriggerAccepted, TriggerName } from '@cloutagent/contract';
import type { Request, Response } from 'express';
import { Public } from '../../auth/access.decorators.js';
import { Documented } from '../../openapi/documented.decorator.js';
import { type Receipt, WebhookReceiver } from './webhook-receiver.js';

/** Takes webhooks. Their senders have no key, so limits count them by their address. */
@Controller('api/hooks')
@Public()
export class HooksController {
  constructor(private readonly receiver: WebhookReceiver) {}

  @Post(':projectId/:name')
  @Documented({
    id: 'receiveWebhook',
    tag: 'Triggers',
    summary: 'Receive a webhook of another service',
    description:
      'The address of a trigger. It takes no credential: the request is verified by the secret of the trigger, as its `source` ' +
      'says. It answers when the execution is stored. A request with an id of the sender that came before starts nothing and gets the ' +
      'same answer. JSON and forms are read; the body has TRIGGER_MAX_BYTES at most. `url_verification` of Slack and `ping` of GitHub ' +
      'start nothing.',
    status: 202,
    params: { projectId: ProjectId, name: TriggerName },
    anyQuery: true,
    body: {
      schema: Json.default(null),
      required: false,
      examples: { issue: { value: { action: 'opened', issue: { title: 'It does not start' } } } },
    },
    response: TriggerAccepted,
    examples: { started: { value: { executionId: '0199c0de-0000-7000-8000-000000000001' } } },
    errors: [
      'validation_failed',
      'malformed_json',
      'unsupported_charset',
      'invalid_signature',
      'not_found',
      'trigger_disabled',
      'trigger_failed',
      'no_worker_free',
    ],
  })
  async receive(
    @Param('projectId', { schema: ProjectId }) projectId: string,
    @Param('name', { schema: TriggerName }) name: string,
    @Req() { body, headers, query }: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<Receipt> {
    // Without a body there are no bytes.
    const bytes = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
    const receipt = await this.receiver.receive(projectId, name, { body: bytes, headers, query });
    if (needsOk(receipt, headers)) response.status(200);
    return receipt;
  }
}

/** Slack takes only 200 as the answer to its challenge, and to commands and interactions, which are forms. */
const needsOk = ({ challenge }: Receipt, headers: Request['headers']): boolean =>
  challenge !== undefined ||
  (headers['x-slack-signature'] !== undefined &&
    (headers['content-type']?.startsWith('application/x-www-form-urlencoded') ?? false));
