import { Inject, Injectable, Optional } from '@nestjs/common';
import type { Json } from '@cloutagent/contract';
import { sha256 } from '../../common/sha256.js';
import { storableText } from '../../common/storable-text.js';
import { Settings } from '../../config/settings.js';
import { Logger } from '../../logging/logger.js';
import { ProblemError } from '../../problems/problem.error.js';
import { ownPrincipal, OwnStarts, startFailure } from '../own-starts.js';
import { InputMapper, MapFailedError } from './input-mapper.js';
import { SENDERS } from './known-senders.js';
import type { SentRequest } from './sender.js';
import { TriggerSecrets } from './trigger-secrets.js';
import { type TriggerRow, TriggersRepository } from './triggers.repository.js';
import { readWebhookBody, type WebhookBody } from './webhook-body.js';

/** Headers that expressions do not get, whatever the sender. */
const CREDENTIALS = ['authorization', 'proxy-authorization', 'cookie', 'x-api-key'];
const MAX_ID_LENGTH = 255;

/** A webhook as it arrives. */
export interface Webhook extends SentRequest {
  readonly query: Record<string, unknown>;
}

/** The answer to a genuine request. */
export interface Receipt {
  executionId?: string;
  challenge?: string;
}

/** Takes the webhooks of other services: verifies them, maps them to inputs and starts executions. */
@Injectable()
export class WebhookReceiver {
  private readonly logger = new Logger(WebhookReceiver.name);

  constructor(
    private readonly triggers: TriggersRepository,
    private readonly starts: OwnStarts,
    private readonly mapper: InputMapper,
    @Optional() @Inject(TriggerSecrets) private readonly secrets: TriggerSecrets | undefined,
    @Inject(Settings)
    private readonly settings: Pick<
      Settings,
      'TRIGGER_SIGNATURE_TIMEOUT_MS' | 'MAX_JSON_DEPTH' | 'MAX_JSON_PARTS'
    >,
  ) {}

  /**
   * Takes a webhook. It starts an execution, unless an earlier one with the same id of the sender has, or the sender only tests
   * the address.
   * @throws ProblemError 404 `not_found` if there is no such trigger; 401 `invalid_signature`; 409 `trigger_disabled`; 400 `malformed_json`, `validation_failed`, 415
   *   `unsupported_charset` for the body; 422 `trigger_failed`; 503 `no_worker_free`
   */
  async receive(projectId: string, name: string, webhook: Webhook): Promise<Receipt> {
    const trigger = await this.triggers.find(projectId, name);
    if (!trigger) throw new ProblemError('not_found', 'There is no such trigger. Check the address.');
    await this.verify(trigger, webhook);
    // Only a genuine sender learns whether the trigger is enabled.
    if (!trigger.enabled) throw new ProblemError('trigger_disabled');
    const body = readWebhookBody(webhook.body, webhook.headers['content-type'], this.settings);
    const meaning = SENDERS[trigger.source].read(webhook.headers, body);
    if (!meaning.start) return meaning.challenge === undefined ? {} : { challenge: meaning.challenge };
    return { executionId: await this.start(trigger, webhook, body, meaning.id) };
  }

  /** @throws ProblemError 401 `invalid_signature` */
  private async verify(trigger: TriggerRow, webhook: Webhook): Promise<void> {
    const secret = await this.secrets?.find(trigger.projectId, trigger.secret);
    if (secret === undefined)
      this.logger.warn(
        `the trigger ${trigger.name} of project ${trigger.projectId} refuses all requests: there is no secret ${trigger.secret}`,
      );
    const time = { now: Date.now(), toleranceMs: this.settings.TRIGGER_SIGNATURE_TIMEOUT_MS };
    if (secret === undefined || !SENDERS[trigger.source].verify(webhook, secret, time))
      throw new ProblemError('invalid_signature');
  }

  private async start(
    trigger: TriggerRow,
    webhook: Webhook,
    body: WebhookBody,
    id: string | undefined,
  ): Promise<string> {
    const { projectId, name, workflowRef } = trigger;
    const principal = ownPrincipal('trigger', projectId, name);
    const key = id === undefined ? undefined : keyOf(name, id);
    try {
      const first = key === undefined ? undefined : (await this.starts.find(principal, [key])).get(key);
      if (first !== undefined) return first;
      const input = await this.inputOf(trigger, webhook, body);
      const executionId = await this.starts.start({ projectId, workflowRef, input }, principal, key);
      await this.triggers.used(trigger, { executionId });
      return executionId;
    } catch (error) {
      const failure = error instanceof MapFailedError ? storableText(error.message) : startFailure(error);
      if (failure === undefined) throw error;
      this.logger.warn(`the trigger ${name} of project ${projectId} started nothing: ${failure}`);
      await this.triggers.used(trigger, { error: failure });
      throw new ProblemError('trigger_failed');
    }
  }

  /** @throws MapFailedError, ProblemError 503 `no_worker_free` */
  private inputOf(trigger: TriggerRow, { headers, query }: Webhook, body: WebhookBody): Json | Promise<Json> {
    if (trigger.map === null) return body;
    const hidden = new Set([...CREDENTIALS, ...SENDERS[trigger.source].credentialHeaders]);
    const shown = Object.entries(headers).filter(([name]) => !hidden.has(name));
    const document = { body, headers: Object.fromEntries(shown), query } as Json;
    return this.mapper.map(trigger.projectId, trigger.map, document);
  }
}

/** An id that PostgreSQL might not store as it is, or that is too long, is replaced by its hash. */
const keyOf = (name: string, id: string): string =>
  `trigger:${name}:${/^[\x21-\x7e]+$/.test(id) && id.length <= MAX_ID_LENGTH ? id : `sha256:${sha256(id).toString('hex')}`}`;
