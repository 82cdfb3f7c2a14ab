import type { CloutAgent } from '@cloutagent/client';
import { EventFeed } from './event-feed.js';
import { ExecutionStore } from './execution-store.js';
import { type ExecutionsFilter, ExecutionsStore } from './executions-store.js';
import { Shared } from './shared.js';

/** How long what nobody uses any more is kept, in ms: over a change of pages. */
const LINGER_MS = 250;

/** Everything that the components of one client share. */
export interface Stores {
  feeds: Shared<EventFeed>;
  executions: Shared<ExecutionStore>;
  /** By `JSON.stringify` of the filter. */
  lists: Shared<ExecutionsStore>;
}

const known = new WeakMap<CloutAgent, Stores>();

export function storesOf(client: CloutAgent): Stores {
  let stores = known.get(client);
  if (!stores) known.set(client, (stores = makeStores(client)));
  return stores;
}

function makeStores(client: CloutAgent): Stores {
  const feeds = new Shared((executionId) => new EventFeed(client, executionId), 0);
  const executions = new Shared((executionId) => {
    const { value, release } = feeds.acquire(executionId);
    return new ExecutionStore(value, release);
  }, LINGER_MS);
  const lists = new Shared(
    (filter) => new ExecutionsStore(client, JSON.parse(filter) as ExecutionsFilter),
    LINGER_MS,
  );
  return { feeds, executions, lists };
}
