import { Body, Controller, Delete, Get, Param, Post, Put, Query } from '@nestjs/common';
import {
  ListWebhookDeliveries,
  ListWebhooks,
  ProjectId,
  PutWebhook,
  ReplayWebhook,
  RotateWebhookSecret,
  Webhook,
  WebhookDeliveryDetails,
  WebhookDeliveryPage,
  WebhookList,
  WebhookName,
  WebhookReplayed,
  WebhookWithSecret,
} from '@cloutagent/contract';
import { z } from 'zod';
import { CurrentPrincipal, RequireScope } from '../auth/access.decorators.js';
import type { Principal } from '../auth/principal.js';
import { urlProblem } from '../engine/http/request-url.js';
import { Documented } from '../openapi/documented.decorator.js';
import { ValidationFailedError } from '../problems/problem.error.js';
import { AttemptLog } from './attempt-log.js';
import { EXAMPLE_DELIVERY, EXAMPLE_DELIVERY_DETAILS, EXAMPLE_SECRET, EXAMPLE_WEBHOOK } from './examples.js';
import { checkMayReceive, checkProject } from './webhook-access.js';
import { WebhookDeliveries } from './webhook-deliveries.js';
import { WebhookRegistry } from './webhook-registry.js';
import { WebhookReplay } from './webhook-replay.js';
import { toWebhook } from './webhook-row.js';

const PARAMS = { projectId: ProjectId, name: WebhookName };
const ERRORS = ['not_found'] as const;
/** Of the routes that send or show events. */
const EVENT_ERRORS = ['not_found', 'insufficient_scope', 'workflow_not_allowed'] as const;

/** Webhooks of projects: where events are delivered, and what became of the deliveries. */
@Controller('api/webhooks')
@RequireScope('webhooks:manage')
export class WebhooksController {
  constructor(
    private readonly registry: WebhookRegistry,
    private readonly log: AttemptLog,
    private readonly replays: WebhookReplay,
    private readonly deliveries: WebhookDeliveries,
  ) {}

  @Put(':projectId/:name')
  @Documented({
    id: 'putWebhook',
    tag: 'Webhooks',
    summary: 'Make a webhook, or replace what it has',
    description:
      'The server posts events of the executions of the project to `url`, signed as Standard Webhooks 1.0 describes. A new webhook ' +
      'gets the events that are recorded from now on; `secret` is only in the answer of the request that made it. Child executions ' +
      'are not delivered. Omitted fields get their defaults, so a request without `enabled` enables the webhook. Also requires the scope executions:read.',
    status: 200,
    params: PARAMS,
    body: {
      schema: PutWebhook,
      required: true,
      examples: {
        completed: {
          value: {
            url: EXAMPLE_WEBHOOK.url,
            events: EXAMPLE_WEBHOOK.events,
            workflow: EXAMPLE_WEBHOOK.workflow,
          },
        },
      },
    },
    response: WebhookWithSecret,
    examples: {
      made: { value: { ...EXAMPLE_WEBHOOK, secret: EXAMPLE_SECRET } },
      changed: { value: EXAMPLE_WEBHOOK },
    },
    errors: [...EVENT_ERRORS, 'too_many_webhooks', 'secrets_unavailable'],
  })
  put(
    @Param('projectId', { schema: ProjectId }) projectId: string,
    @Param('name', { schema: WebhookName }) name: string,
    @Body({ schema: PutWebhook }) webhook: PutWebhook,
    @CurrentPrincipal() principal: Principal,
  ): Promise<WebhookWithSecret> {
    checkMayReceive(principal, projectId, 'project');
    const problem = urlProblem(webhook.url);
    if (problem !== undefined) throw new ValidationFailedError([{ path: 'url', message: problem }]);
    return this.registry.put(projectId, name, webhook, principal.id);
  }

  @Get()
  @Documented({
    id: 'listWebhooks',
    tag: 'Webhooks',
    summary: 'List the webhooks of a project',
    description: 'Also webhooks that are disabled. Signing secrets are never shown.',
    status: 200,
    query: ListWebhooks,
    response: WebhookList,
    examples: { one: { value: { webhooks: [EXAMPLE_WEBHOOK] } } },
    errors: ERRORS,
  })
  async list(
    @Query({ schema: ListWebhooks }) { projectId }: ListWebhooks,
    @CurrentPrincipal() principal: Principal,
  ): Promise<WebhookList> {
    checkProject(principal, projectId, 'project');
    return { webhooks: await this.registry.list(projectId) };
  }

  @Get(':projectId/:name')
  @Documented({
    id: 'getWebhook',
    tag: 'Webhooks',
    summary: 'Get a webhook',
    description: 'With the number of executions that have undelivered events.',
    status: 200,
    params: PARAMS,
    response: Webhook,
    examples: { one: { value: EXAMPLE_WEBHOOK } },
    errors: ERRORS,
  })
  async get(
    @Param('projectId', { schema: ProjectId }) projectId: string,
    @Param('name', { schema: WebhookName }) name: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Webhook> {
    return toWebhook(await this.find(principal, projectId, name));
  }

  @Delete(':projectId/:name')
  @Documented({
    id: 'deleteWebhook',
    tag: 'Webhooks',
    summary: 'Delete a webhook with its undelivered events and its log',
    description: 'A request that is under way may still arrive.',
    status: 204,
    params: PARAMS,
    errors: ERRORS,
  })
  async remove(
    @Param('projectId', { schema: ProjectId }) projectId: string,
    @Param('name', { schema: WebhookName }) name: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<void> {
    checkProject(principal, projectId, 'webhook');
    await this.registry.remove(projectId, name);
  }

  @Post(':projectId/:name/rotate-secret')
  @Documented({
    id: 'rotateWebhookSecret',
    tag: 'Webhooks',
    summary: 'Make a new signing secret',
    description:
      'Requests are signed by the new secret, and for `keepOldForMs` by the old ones as well. With `keepOldForMs: 0` the old ones ' +
      'end at once, for example because one has leaked.',
    status: 200,
    params: PARAMS,
    body: {
      schema: RotateWebhookSecret,
      required: false,
      examples: { day: { value: {} }, atOnce: { value: { keepOldForMs: 0 } } },
    },
    response: WebhookWithSecret,
    examples: { rotated: { value: { ...EXAMPLE_WEBHOOK, signingSecrets: 2, secret: EXAMPLE_SECRET } } },
    errors: [...ERRORS, 'too_many_signing_secrets', 'secrets_unavailable'],
  })
  rotate(
    @Param('projectId', { schema: ProjectId }) projectId: string,
    @Param('name', { schema: WebhookName }) name: string,
    @Body({ schema: RotateWebhookSecret }) { keepOldForMs }: RotateWebhookSecret,
    @CurrentPrincipal() principal: Principal,
  ): Promise<WebhookWithSecret> {
    checkProject(principal, projectId, 'webhook');
    return this.registry.rotateSecret(projectId, name, keepOldForMs);
  }

  @Get(':projectId/:name/deliveries')
  @Documented({
    id: 'listWebhookDeliveries',
    tag: 'Webhooks',
    summary: 'List the attempts to deliver events, newest first',
    description:
      'The log has the newest attempts (MAX_LOGGED_ATTEMPTS_PER_WEBHOOK) of the last days (WEBHOOK_LOG_DAYS). Send `nextCursor` as ' +
      '`cursor` to get the next page.',
    status: 200,
    params: PARAMS,
    query: ListWebhookDeliveries,
    response: WebhookDeliveryPage,
    examples: { page: { value: { deliveries: [EXAMPLE_DELIVERY], nextCursor: null } } },
    errors: ERRORS,
  })
  async attempts(
    @Param('projectId', { schema: ProjectId }) projectId: string,
    @Param('name', { schema: WebhookName }) name: string,
    @Query({ schema: ListWebhookDeliveries }) query: ListWebhookDeliveries,
    @CurrentPrincipal() principal: Principal,
  ): Promise<WebhookDeliveryPage> {
    const { id } = await this.find(principal, projectId, name);
    return this.log.list(id, query);
  }

  @Get(':projectId/:name/deliveries/:deliveryId')
  @Documented({
    id: 'getWebhookDelivery',
    tag: 'Webhooks',
    summary: 'Get an attempt with its request and answer',
    description:
      'Signatures are left out. Of the answer the log has the beginning (WEBHOOK_RESPONSE_MAX_BYTES). Also requires the scope ' +
      'executions:read.',
    status: 200,
    params: { ...PARAMS, deliveryId: z.uuid() },
    response: WebhookDeliveryDetails,
    examples: { failed: { value: EXAMPLE_DELIVERY_DETAILS } },
    errors: EVENT_ERRORS,
  })
  async attempt(
    @Param('projectId', { schema: ProjectId }) projectId: string,
    @Param('name', { schema: WebhookName }) name: string,
    @Param('deliveryId', { schema: z.uuid() }) deliveryId: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<WebhookDeliveryDetails> {
    checkMayReceive(principal, projectId, 'webhook');
    const { id } = await this.find(principal, projectId, name);
    return this.log.details(id, deliveryId);
  }

  @Post(':projectId/:name/replay')
  @Documented({
    id: 'replayWebhook',
    tag: 'Webhooks',
    summary: 'Deliver the events of an execution or of a range of time again',
    description:
      'In order for each execution, with the same `webhook-id` as before. A dead delivery continues with it. The filter of the ' +
      'webhook applies, also to events that are older than the webhook. Also requires the scope executions:read.',
    status: 200,
    params: PARAMS,
    body: {
      schema: ReplayWebhook,
      required: true,
      examples: {
        execution: { value: { executionId: EXAMPLE_DELIVERY.executionId } },
        range: { value: { from: '2026-11-23T18:00:00.000Z', to: '2026-11-23T19:00:00.000Z' } },
      },
    },
    response: WebhookReplayed,
    examples: { replayed: { value: { executions: 3 } } },
    errors: [...EVENT_ERRORS, 'webhook_disabled', 'replay_too_large'],
  })
  async replay(
    @Param('projectId', { schema: ProjectId }) projectId: string,
    @Param('name', { schema: WebhookName }) name: string,
    @Body({ schema: ReplayWebhook }) replay: ReplayWebhook,
    @CurrentPrincipal() principal: Principal,
  ): Promise<WebhookReplayed> {
    checkMayReceive(principal, projectId, 'webhook');
    const executions = await this.replays.replay(await this.find(principal, projectId, name), replay);
    this.deliveries.wake();
    return { executions };
  }

  private find(principal: Principal, projectId: string, name: string) {
    checkProject(principal, projectId, 'webhook');
    return this.registry.find(projectId, name);
  }
}
