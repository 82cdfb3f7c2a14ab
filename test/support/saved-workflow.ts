import { ADMIN_KEY } from './server.js';

/** Saves the next version of a workflow at a server. The same nodes again change nothing. */
export async function saveWorkflow(
  url: string,
  name: string,
  nodes: object[],
  projectId = 'demo',
): Promise<void> {
  await call(url, 'PUT', `/api/workflows/${projectId}/${name}`, { workflow: { nodes, edges: [] } });
}

/** Deletes a workflow, as its owner may do while schedules and triggers name it. */
export async function deleteWorkflow(url: string, name: string): Promise<void> {
  await call(url, 'DELETE', `/api/workflows/demo/${name}`);
}

async function call(url: string, method: string, path: string, body?: object): Promise<void> {
  const answer = await fetch(new URL(path, url), {
    method,
    headers: {
      authorization: `Bearer ${ADMIN_KEY}`,
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${await answer.text()}`);
}
