import pg from 'pg';

/** Types of which one commit may insert many events of the same execution. */
const CHUNKS: readonly string[] = ['execution:output', 'execution:thinking'];

/** The triggers of one kind of receiver, and their functions. */
export interface DeliveryTriggers {
  readonly single: { readonly trigger: string; readonly function: string };
  /** For chunks. */
  readonly chunks: { readonly trigger: string; readonly function: string };
}

export const LISTENER_TRIGGERS: DeliveryTriggers = {
  single: { trigger: 'events_deliveries', function: 'record_delivery' },
  chunks: { trigger: 'events_chunk_deliveries', function: 'record_chunk_deliveries' },
};

export const WEBHOOK_TRIGGERS: DeliveryTriggers = {
  single: { trigger: 'events_webhooks', function: 'record_webhook' },
  chunks: { trigger: 'events_chunk_webhooks', function: 'record_chunk_webhooks' },
};

/** Makes the triggers fire for the wanted types. The transaction must have locked the journal. */
export async function refreshTriggers(
  client: pg.PoolClient,
  triggers: DeliveryTriggers,
  wanted: readonly string[],
): Promise<void> {
  const present = await client.query<{ name: string }>(
    `SELECT tgname AS name FROM pg_trigger WHERE tgrelid = 'cloutagent.events'::regclass AND NOT tgisinternal`,
  );
  const names = present.rows.map(({ name }) => name);
  for (const statement of triggerStatements(triggers, wanted, names)) await client.query(statement);
}

/**
 * Makes the statements that create the triggers for the wanted types, and drop those that are not needed. The triggers
 * record deliveries inside each statement that inserts wanted events, whatever code sends it, also a process of an older
 * release. Without subscribers there is no trigger, so appends cost what they did before.
 *
 * PostgreSQL evaluates WHEN while it inserts an event, so an event of another type costs no call of a function. Chunks have
 * a trigger that runs once for a statement. It copies all inserted events, so it exists only if a subscriber wants chunks.
 * @param present names of the triggers that exist. Even a DROP that finds nothing would lock out all readers of the journal
 */
function triggerStatements(
  { single: ofSingle, chunks: ofChunks }: DeliveryTriggers,
  wanted: readonly string[],
  present: readonly string[],
): string[] {
  const single = wanted.filter((type) => !CHUNKS.includes(type)).toSorted();
  const hasChunks = wanted.some((type) => CHUNKS.includes(type));
  const types = single.map((type) => pg.escapeLiteral(type)).join(', ');
  const create = [
    single.length > 0 &&
      `CREATE OR REPLACE TRIGGER ${ofSingle.trigger} AFTER INSERT ON cloutagent.events
         FOR EACH ROW WHEN (NEW.type IN (${types})) EXECUTE FUNCTION cloutagent.${ofSingle.function}()`,
    hasChunks &&
      `CREATE OR REPLACE TRIGGER ${ofChunks.trigger} AFTER INSERT ON cloutagent.events
         REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT
         EXECUTE FUNCTION cloutagent.${ofChunks.function}()`,
  ];
  const unused = [single.length === 0 && ofSingle.trigger, !hasChunks && ofChunks.trigger];
  return [
    ...create.filter((statement) => statement !== false),
    ...unused
      .filter((name) => name !== false && present.includes(name))
      .map((name) => `DROP TRIGGER ${String(name)} ON cloutagent.events`),
  ];
}
