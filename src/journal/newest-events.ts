/** Types whose newest event other statements read by SQL, and the columns of `segments` that have its fields. */
export const NEWEST_COLUMNS = {
  'execution:progress': 'progress',
  'execution:token-usage': 'usage',
  'execution:cost-update': 'cost',
} as const;
export type NewestType = keyof typeof NEWEST_COLUMNS;

/** Reads columns of an execution's last segment, as SQL. @param id SQL of the execution's id */
export const lastSegment = (columns: string, id: string): string =>
  `SELECT ${columns} FROM cloutagent.segments WHERE execution_id = ${id} ORDER BY first DESC LIMIT 1`;

/** Reads the sequence of an execution's last event, as SQL; 0 without events. @param id SQL of the execution's id */
export const lastSequenceOf = (id: string): string => `coalesce(
  (${lastSegment('last', id)}), (SELECT max(sequence) FROM cloutagent.events WHERE execution_id = ${id}), 0)`;

/**
 * Reads the fields of an execution's newest event of a type, as SQL that gives JSON; NULL without such an event. The second
 * condition on the type lets PostgreSQL use the index that leaves out chunks.
 * @param id SQL of the execution's id
 */
export const newestFieldsOf = (type: NewestType, id: string): string => `coalesce(
  (${lastSegment(NEWEST_COLUMNS[type], id)}),
  (SELECT data::json FROM cloutagent.events
   WHERE execution_id = ${id} AND type = '${type}' AND type NOT IN ('execution:output', 'execution:thinking')
   ORDER BY sequence DESC LIMIT 1))`;
