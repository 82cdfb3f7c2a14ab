import { randomUUID } from 'node:crypto';
import type { DatabaseControl } from './database-control.js';

/** Saves the next version of a workflow, directly in the database. */
export async function saveWorkflow(
  database: DatabaseControl,
  name: string,
  nodes: object[],
  projectId = 'demo',
): Promise<void> {
  await database.rows(
    `WITH saved AS (
       INSERT INTO cloutagent.workflows (project_id, name, newest) VALUES ($1, $2, 1)
       ON CONFLICT (project_id, name) DO UPDATE SET newest = workflows.newest + 1, deleted_at = NULL RETURNING newest
     )
     INSERT INTO cloutagent.workflow_versions (project_id, name, version, hash, workflow, options, tags, created_by)
     SELECT $1, $2, newest, $3, $4, '{}', '{}', 'test' FROM saved`,
    [projectId, name, Buffer.from(randomUUID()), JSON.stringify({ nodes, edges: [] })],
  );
}

/** Deletes a workflow, as its owner may do while schedules and triggers name it. */
export async function deleteWorkflow(database: DatabaseControl, name: string): Promise<void> {
  await database.rows(`UPDATE cloutagent.workflows SET deleted_at = now() WHERE name = $1`, [name]);
}
