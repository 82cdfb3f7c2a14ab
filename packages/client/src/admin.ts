import type { ProjectStats } from '@cloutagent/contract';
import { OperationsApi } from './admin/operations.js';
import { SchedulesApi, TriggersApi } from './admin/schedules.js';
import { SecretsApi, VariablesApi } from './admin/values.js';
import { WebhooksApi } from './admin/webhooks.js';
import { WorkflowsApi } from './admin/workflows.js';
import type { CloutAgent } from './client.js';
import { Http } from './http.js';
import { type ClientOptions, type RequestOptions, resolveOptions } from './options.js';

export interface StatsQuery {
  /** ISO 8601. Default: 24 intervals before `to` for hours, 30 for days. */
  from?: string | undefined;
  /** ISO 8601. Default: now. */
  to?: string | undefined;
  /** In UTC. Default `hour`. */
  interval?: 'hour' | 'day' | undefined;
}

/**
 * Manages what a project has: saved workflows, secrets, variables, webhooks, schedules, triggers, and operations on many
 * executions. It is an entry of its own, so that pages that only run workflows need not load it. Every method throws
 * CloutAgentError.
 * @example
 * ```ts
 * const admin = new CloutAgentAdmin({ baseUrl: 'http://127.0.0.1:3000', apiKey });
 * const { version } = await admin.workflows.save('demo', 'compare', { workflow });
 * await admin.workflows.setAlias('demo', 'compare', 'production', version);
 * ```
 */
export class CloutAgentAdmin {
  readonly workflows: WorkflowsApi;
  readonly secrets: SecretsApi;
  readonly variables: VariablesApi;
  readonly webhooks: WebhooksApi;
  readonly schedules: SchedulesApi;
  readonly triggers: TriggersApi;
  readonly operations: OperationsApi;
  private readonly http: Http;

  /**
   * @param options those of `CloutAgent`, or a `CloutAgent`, whose credential is then shared
   * @throws CloutAgentError `invalid_argument`
   */
  constructor(options: ClientOptions | CloutAgent) {
    this.http = 'http' in options ? options.http : new Http(resolveOptions(options));
    this.workflows = new WorkflowsApi(this.http);
    this.secrets = new SecretsApi(this.http);
    this.variables = new VariablesApi(this.http);
    this.webhooks = new WebhooksApi(this.http);
    this.schedules = new SchedulesApi(this.http);
    this.triggers = new TriggersApi(this.http);
    this.operations = new OperationsApi(this.http);
  }

  /** Returns the figures of a project: executions by status, durations, tokens and cost, in total and by interval. */
  stats(projectId: string, query: StatsQuery = {}, options?: RequestOptions): Promise<ProjectStats> {
    const path = `/api/projects/${encodeURIComponent(projectId)}/stats`;
    return this.http.json(path, { ...options, query: { ...query } });
  }
}

export type { ListOperationsQuery, OperationsApi } from './admin/operations.js';
export type { SchedulesApi, TriggersApi } from './admin/schedules.js';
export type { SecretsApi, VariablesApi } from './admin/values.js';
export type { ListDeliveriesQuery, WebhooksApi } from './admin/webhooks.js';
export type { ListWorkflowsQuery, PageQuery, SaveWorkflowOptions, WorkflowsApi } from './admin/workflows.js';
export type {
  Operation,
  OperationPage,
  ProjectStats,
  PutScheduleInput,
  PutTriggerInput,
  PutWebhookInput,
  ReplayWebhook,
  SavedWorkflow,
  SavedWorkflowPage,
  SavedWorkflowSummary,
  SaveWorkflowInput,
  Schedule,
  ScheduleList,
  Secret,
  SecretList,
  StartOperationInput,
  Trigger,
  TriggerList,
  Variable,
  VariableList,
  Webhook,
  WebhookDelivery,
  WebhookDeliveryDetails,
  WebhookDeliveryPage,
  WebhookDeliveryStatus,
  WebhookList,
  WebhookWithSecret,
  WorkflowAlias,
  WorkflowDiff,
  WorkflowVersionPage,
} from '@cloutagent/contract';
