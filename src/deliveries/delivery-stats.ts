import type { Backlog } from './delivery-queue.js';

/** Counts of one durable subscriber in this process, for `/metrics`. */
export class DeliveryStats {
  /** Events that its receiver has. An event counts again if it is delivered again. */
  delivered = 0;
  /** Attempts that failed. */
  failed = 0;
  /** Deliveries that became dead. */
  died = 0;
  /** As of the last poll, for all processes together. */
  backlog: Backlog = { pending: 0, dead: 0, oldestSeconds: 0 };
}
