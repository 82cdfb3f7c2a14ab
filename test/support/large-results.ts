import pg from 'pg';

/**
 * Inserts megabytes of output before the terminal event: more than the kernel buffers for a client, also when gzip halves it.
 * @returns the new sequence of the terminal event
 */
export async function insertLargeOutput(database: string, id: string): Promise<number> {
  const client = new pg.Client({ connectionString: database });
  await client.connect();
  const { rows } = await client.query<{ sequence: number }>(
    `DELETE FROM cloutagent.events WHERE execution_id = $1 AND type = 'execution:completed' RETURNING sequence`,
    [id],
  );
  const last = rows[0]!.sequence + 300;
  await client.query(
    `INSERT INTO cloutagent.events
     SELECT $1::uuid, n, 'execution:output',
       '{"executionId":"' || $1 || '","chunk":"' || (SELECT string_agg(md5(n::text || m::text), '') FROM generate_series(1, 3000) AS m) || '"}'
     FROM generate_series($2::int, $3::int - 1) AS n
     UNION ALL SELECT $1::uuid, $3::int, 'execution:completed', '{"executionId":"' || $1 || '","result":null}'`,
    [id, last - 300, last],
  );
  await client.end();
  return last;
}

/**
 * Replaces the result of an ended execution by megabytes that hardly compress.
 * @returns the result
 */
export async function enlargeResult(database: string, id: string): Promise<string> {
  const client = new pg.Client({ connectionString: database });
  await client.connect();
  const { rows } = await client.query<{ data: string }>(
    `UPDATE cloutagent.events SET data =
       '{"executionId":"' || $1 || '","result":"' || (SELECT string_agg(md5(m::text), '') FROM generate_series(1, 250000) AS m) || '"}'
     WHERE execution_id = $1::uuid AND type = 'execution:completed' RETURNING data`,
    [id],
  );
  await client.end();
  return (JSON.parse(rows[0]!.data) as { result: string }).result;
}
