import type {
  DeadDeliveryPage,
  ListenerList,
  ReplayDeliveries,
  ReplayedDeliveries,
  SkipEvent,
} from '@cloutagent/contract';
import type { Http } from './http.js';
import type { RequestOptions } from './options.js';

export interface DeadDeliveriesQuery {
  /** 1 … 1000; default 100. */
  limit?: number | undefined;
  /** `nextCursor` of the previous page. */
  cursor?: string | undefined;
}

/**
 * Shows the durable listeners of the server's modules, and replays what they could not take. Needs the scope
 * `listeners:manage` and all projects. Every method throws CloutAgentError.
 */
export class ListenersApi {
  constructor(private readonly http: Http) {}

  list({ signal }: RequestOptions = {}): Promise<ListenerList> {
    return this.http.json('/api/listeners', { signal });
  }

  /** Returns one page of executions whose events the listener has refused too often. */
  dead(
    name: string,
    query: DeadDeliveriesQuery = {},
    { signal }: RequestOptions = {},
  ): Promise<DeadDeliveryPage> {
    return this.http.json(`${pathOf(name)}/dead`, { query: { ...query }, signal });
  }

  /** Delivers again: the dead delivery of one execution, or all. */
  replay(
    name: string,
    body: ReplayDeliveries = {},
    { signal }: RequestOptions = {},
  ): Promise<ReplayedDeliveries> {
    return this.http.json(`${pathOf(name)}/replay`, { method: 'POST', body, signal });
  }

  /** Passes over the event at which a delivery is dead, for good. */
  skip(name: string, event: SkipEvent, { signal }: RequestOptions = {}): Promise<void> {
    return this.http.json(`${pathOf(name)}/skip`, { method: 'POST', body: event, signal });
  }

  /** Deletes a listener that no running process has in its code, with its undelivered events. */
  remove(name: string, { signal }: RequestOptions = {}): Promise<void> {
    return this.http.json(pathOf(name), { method: 'DELETE', signal });
  }
}

const pathOf = (name: string): string => `/api/listeners/${encodeURIComponent(name)}`;
