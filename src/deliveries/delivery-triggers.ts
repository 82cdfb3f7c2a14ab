import pg from 'pg';

/** Types of which one commit may insert many events of the same execution. */
const CHUNKS: readonly string[] = ['execution:output', 'execution:thinking'];

const SINGLE_TRIGGER = 'events_deliveries';
const CHUNK_TRIGGER = 'events_chunk_deliveries';

/**
 * Makes the statements that create the triggers for the wanted types, and drop those that are not needed. The triggers
 * record deliveries inside each statement that inserts wanted events, whatever code sends it, also a process of an older
 * release. Without subscribers there is no trigger, so appends cost what they did before.
 *
 * PostgreSQL evaluates WHEN while it inserts an event, so an event of another type costs no call of a function. Chunks have
 * a trigger that runs once for a statement. It copies all inserted events, so it exists only if a subscriber wants chunks.
 * @param present names of the triggers that exist. Even a DROP that finds nothing would lock out all readers of the journal
 */
export function triggerStatements(wanted: readonly string[], present: readonly string[]): string[] {
  const single = wanted.filter((type) => !CHUNKS.includes(type)).toSorted();
  const hasChunks = wanted.some((type) => CHUNKS.includes(type));
  const types = single.map((type) => pg.escapeLiteral(type)).join(', ');
  const create = [
    single.length > 0 &&
      `CREATE OR REPLACE TRIGGER ${SINGLE_TRIGGER} AFTER INSERT ON cloutagent.events
         FOR EACH ROW WHEN (NEW.type IN (${types})) EXECUTE FUNCTION cloutagent.record_delivery()`,
    hasChunks &&
      `CREATE OR REPLACE TRIGGER ${CHUNK_TRIGGER} AFTER INSERT ON cloutagent.events
         REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT
         EXECUTE FUNCTION cloutagent.record_chunk_deliveries()`,
  ];
  const unused = [single.length === 0 && SINGLE_TRIGGER, !hasChunks && CHUNK_TRIGGER];
  return [
    ...create.filter((statement) => statement !== false),
    ...unused
      .filter((name) => name !== false && present.includes(name))
      .map((name) => `DROP TRIGGER ${String(name)} ON cloutagent.events`),
  ];
}
