import { Injectable } from '@nestjs/common';
import { ExecutionId, type Execution } from '@cloutagent/contract';
import { ResourceNotFoundError } from '@modelcontextprotocol/server';
import type { Principal } from '../../auth/principal.js';
import { ExecutionList } from '../../executions/queries/execution-list.js';
import { ExecutionReader } from '../../executions/queries/execution-reader.js';
import { NotFoundError } from '../../problems/problem.error.js';
import { executionUri, howToAnswer } from './call-results.js';
import type { AskedKind } from './mcp-state.js';

const PAGE_SIZE = 50;
const MIME_TYPE = 'application/json';
const DESCRIPTION = 'The status of an execution, its output once it has ended, and what it waits for.';

/** The executions that a principal may see, as resources of MCP. */
@Injectable()
export class ExecutionResources {
  constructor(
    private readonly executions: ExecutionReader,
    private readonly executionList: ExecutionList,
  ) {}

  /**
   * Lists the newest executions.
   * @throws ValidationFailedError if the cursor is not valid
   */
  async list(principal: Principal, cursor: string | undefined) {
    const query = { limit: PAGE_SIZE, ...(cursor !== undefined && { cursor }) };
    const { executions, nextCursor } = await this.executionList.list(query, principal);
    return {
      resources: executions.map(({ id, workflow, status, createdAt }) => ({
        uri: executionUri(id),
        name: `${workflow?.name ?? 'execution'} ${id}`,
        description: `${status}, started at ${createdAt}`,
        mimeType: MIME_TYPE,
      })),
      ...(nextCursor !== null && { nextCursor }),
    };
  }

  templates() {
    const template = { uriTemplate: executionUri('{id}'), name: 'execution', mimeType: MIME_TYPE };
    return { resourceTemplates: [{ ...template, description: DESCRIPTION }] };
  }

  /** @throws ResourceNotFoundError if there is no such resource, or it is not the principal's */
  async read(uri: string, principal: Principal) {
    const id = /^execution:\/\/([^/?#]+)\/?$/.exec(uri)?.[1];
    if (id === undefined || !ExecutionId.safeParse(id).success) throw new ResourceNotFoundError(uri);
    const execution = await this.executions.get(id, principal).catch((error: unknown) => {
      throw error instanceof NotFoundError ? new ResourceNotFoundError(uri) : error;
    });
    return { contents: [{ uri, mimeType: MIME_TYPE, text: JSON.stringify(shown(execution)) }] };
  }
}

/** Without the input and the steps, which may be large. */
function shown({ input: _input, steps: _steps, waits = [], ...execution }: Execution) {
  const asked = waits.flatMap((wait) =>
    wait.kind === 'timer' || wait.kind === 'children'
      ? []
      : { ...wait, howToAnswer: howToAnswer({ ...wait, kind: wait.kind satisfies AskedKind }) },
  );
  return { ...execution, ...(asked.length > 0 && { waits: asked }) };
}
