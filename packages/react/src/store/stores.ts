import type { CloutAgent } from '@cloutagent/client';
import { ExecutionStore } from './execution-store.js';
import { type ExecutionsFilter, ExecutionsStore } from './executions-store.js';
import { RefCounted } from './ref-counted.js';
import { SharedEventStream } from './shared-event-stream.js';
import { type WaitsFilter, WaitsStore } from './waits-store.js';

/** How long an unused store is kept, in ms. Long enough for a change of pages. */
const LINGER_MS = 250;

/** The stores that all components of one client share. */
export interface Stores {
  /** By execution id. */
  streams: RefCounted<SharedEventStream>;
  /** By execution id. */
  executions: RefCounted<ExecutionStore>;
  /** By `JSON.stringify` of the filter. */
  lists: RefCounted<ExecutionsStore>;
  /** By `JSON.stringify` of the filter. */
  inboxes: RefCounted<WaitsStore>;
}

const known = new WeakMap<CloutAgent, Stores>();

/** Returns the stores of a client, and creates them for a new client. */
export function storesOf(client: CloutAgent): Stores {
  let stores = known.get(client);
  if (!stores) known.set(client, (stores = makeStores(client)));
  return stores;
}

function makeStores(client: CloutAgent): Stores {
  const streams = new RefCounted((executionId) => new SharedEventStream(client, executionId), 0);
  const executions = new RefCounted((executionId) => {
    const { value, release } = streams.acquire(executionId);
    return new ExecutionStore(value, release);
  }, LINGER_MS);
  const lists = new RefCounted(
    (filter) => new ExecutionsStore(client, JSON.parse(filter) as ExecutionsFilter),
    LINGER_MS,
  );
  const inboxes = new RefCounted(
    (filter) => new WaitsStore(client, JSON.parse(filter) as WaitsFilter),
    LINGER_MS,
  );
  return { streams, executions, lists, inboxes };
}
