import type {
  PutWebhookInput,
  ReplayWebhook,
  Webhook,
  WebhookDeliveryDetails,
  WebhookDeliveryPage,
  WebhookDeliveryStatus,
  WebhookList,
  WebhookReplayed,
  WebhookWithSecret,
} from '@cloutagent/contract';
import type { Http } from '../http.js';
import type { RequestOptions } from '../options.js';
import { NamedResources } from './named-resources.js';
import type { PageQuery } from './workflows.js';

export interface ListDeliveriesQuery extends PageQuery {
  executionId?: string | undefined;
  status?: WebhookDeliveryStatus | undefined;
}

/** Webhooks, which deliver events to a server of yours. Needs the scope `webhooks:manage`. */
export class WebhooksApi extends NamedResources {
  /** @internal */
  constructor(http: Http) {
    super(http, 'webhooks');
  }

  list(projectId: string, options?: RequestOptions): Promise<WebhookList> {
    return this.call([], { ...options, query: { projectId } });
  }

  get(projectId: string, name: string, options?: RequestOptions): Promise<Webhook> {
    return this.call([projectId, name], { ...options });
  }

  /** Creates or changes a webhook. Only the answer that creates it has the signing `secret`. */
  set(
    projectId: string,
    name: string,
    webhook: PutWebhookInput,
    options?: RequestOptions,
  ): Promise<WebhookWithSecret> {
    return this.call([projectId, name], { ...options, method: 'PUT', body: webhook });
  }

  /**
   * Makes a new signing secret, which only this answer has. For `keepOldForMs` (default: a day) requests are signed by the
   * old secrets as well.
   */
  rotateSecret(
    projectId: string,
    name: string,
    body: { keepOldForMs?: number | undefined } = {},
    options?: RequestOptions,
  ): Promise<WebhookWithSecret> {
    return this.call([projectId, name, 'rotate-secret'], { ...options, method: 'POST', body });
  }

  /** Returns a page of attempts to deliver, newest first. */
  deliveries(
    projectId: string,
    name: string,
    query: ListDeliveriesQuery = {},
    options?: RequestOptions,
  ): Promise<WebhookDeliveryPage> {
    return this.call([projectId, name, 'deliveries'], { ...options, query: { ...query } });
  }

  /** Returns one attempt with its request and its response. */
  delivery(
    projectId: string,
    name: string,
    deliveryId: string,
    options?: RequestOptions,
  ): Promise<WebhookDeliveryDetails> {
    return this.call([projectId, name, 'deliveries', deliveryId], { ...options });
  }

  /** Delivers again: the events of one execution, or all that were recorded in a range of time. */
  replay(
    projectId: string,
    name: string,
    selection: ReplayWebhook,
    options?: RequestOptions,
  ): Promise<WebhookReplayed> {
    return this.call([projectId, name, 'replay'], { ...options, method: 'POST', body: selection });
  }
}
