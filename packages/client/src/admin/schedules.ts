import type {
  Execution,
  PutScheduleInput,
  PutTriggerInput,
  Schedule,
  ScheduleList,
  Trigger,
  TriggerList,
} from '@cloutagent/contract';
import type { StartOptions } from '../executions.js';
import type { Http } from '../http.js';
import type { RequestOptions } from '../options.js';
import { NamedResources } from './named-resources.js';

/** Schedules, which start a saved workflow at times. Needs the scope `schedules:manage`. */
export class SchedulesApi extends NamedResources {
  /** @internal */
  constructor(http: Http) {
    super(http, 'schedules');
  }

  list(projectId: string, options?: RequestOptions): Promise<ScheduleList> {
    return this.call([], { ...options, query: { projectId } });
  }

  get(projectId: string, name: string, options?: RequestOptions): Promise<Schedule> {
    return this.call([projectId, name], { ...options });
  }

  set(
    projectId: string,
    name: string,
    schedule: PutScheduleInput,
    options?: RequestOptions,
  ): Promise<Schedule> {
    return this.call([projectId, name], { ...options, method: 'PUT', body: schedule });
  }

  /** Starts the workflow of a schedule now, with its input. Its due times stay the same. */
  run(
    projectId: string,
    name: string,
    { idempotencyKey, ...options }: StartOptions = {},
  ): Promise<Execution> {
    const headers = { 'idempotency-key': idempotencyKey };
    return this.call([projectId, name, 'run'], { ...options, method: 'POST', headers });
  }
}

/** Triggers, which start a saved workflow when a webhook of another service arrives. Needs `triggers:manage`. */
export class TriggersApi extends NamedResources {
  /** @internal */
  constructor(http: Http) {
    super(http, 'triggers');
  }

  list(projectId: string, options?: RequestOptions): Promise<TriggerList> {
    return this.call([], { ...options, query: { projectId } });
  }

  get(projectId: string, name: string, options?: RequestOptions): Promise<Trigger> {
    return this.call([projectId, name], { ...options });
  }

  /** Creates or changes a trigger. The answer has the `address` to which the sender posts. */
  set(projectId: string, name: string, trigger: PutTriggerInput, options?: RequestOptions): Promise<Trigger> {
    return this.call([projectId, name], { ...options, method: 'PUT', body: trigger });
  }
}
