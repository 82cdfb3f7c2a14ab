import { nameOf } from '../../auth/principal.js';
import type { ThreadRef } from '../../executions/threads/execution-threads.js';
import { AG_UI } from './ag-ui-format.js';

/** Names the thread of a client. Several workflows of a project, as agents of one page, may have the same id of a thread. */
export const threadOf = (projectId: string, workflowRef: string, threadId: string): ThreadRef => ({
  projectId,
  protocol: AG_UI,
  threadId: `${nameOf(workflowRef)}/${threadId}`,
});
