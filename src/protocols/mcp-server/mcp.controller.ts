import { Controller, Get, Inject, type OnModuleInit, Post, Req, Res } from '@nestjs/common';
import { Json, PROBLEM_CODES } from '@cloutagent/contract';
import type { Request, Response } from 'express';
import { CurrentPrincipal, RequireScope } from '../../auth/access.decorators.js';
import type { Principal } from '../../auth/principal.js';
import { requireScopes } from '../../auth/require-scopes.js';
import { Settings } from '../../config/settings.js';
import { Documented, type ErrorForm } from '../../openapi/documented.decorator.js';
import { ProblemForms } from '../../problems/problem-forms.js';
import { ProblemError } from '../../problems/problem.error.js';
import { errorBody } from './json-rpc.js';
import { isAllowedOrigin } from './origin-check.js';
import { McpRequests } from './mcp-requests.js';

const ERROR_FORM: ErrorForm = {
  contentType: 'application/json',
  schema: Json,
  example: (code) => {
    const { status, text } = PROBLEM_CODES[code];
    return errorBody({ type: 'about:blank', title: '', status, detail: text, code });
  },
};

/** The endpoint of the MCP server (Streamable HTTP). */
@Controller('mcp')
export class McpController implements OnModuleInit {
  constructor(
    private readonly requests: McpRequests,
    private readonly forms: ProblemForms,
    @Inject(Settings) private readonly settings: Pick<Settings, 'CORS_ORIGINS' | 'PUBLIC_URL'>,
  ) {}

  onModuleInit(): void {
    this.forms.add('/mcp/', (problem) => ({ contentType: 'application/json', body: errorBody(problem) }));
  }

  @Post()
  @RequireScope('executions:write')
  @Documented({
    id: 'postMcp',
    tag: 'Protocols',
    summary: 'Send a message to the MCP server',
    description:
      'The Model Context Protocol over Streamable HTTP, in the revisions 2026-07-28, 2025-11-25, 2025-06-18 and 2025-03-26. Saved ' +
      'workflows with an `inputSchema` of the type object are tools, and executions are resources `execution://<id>`. A call that ' +
      'reports progress is answered with server-sent events. Errors are those of JSON-RPC, with the code of the API in `data.code`. ' +
      'It requires the scope `executions:read` as well.',
    status: 200,
    noContent: 'The message was a notification or a response.',
    body: {
      schema: Json,
      required: true,
      examples: { list: { value: { jsonrpc: '2.0', id: 1, method: 'tools/list' } } },
    },
    response: Json,
    examples: {
      list: { value: { jsonrpc: '2.0', id: 1, result: { tools: [] } } },
    },
    errors: ['cross_site_request', 'too_many_streams'],
    errorForm: ERROR_FORM,
  })
  post(
    @CurrentPrincipal() principal: Principal,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    this.check(principal, request);
    return this.requests.post(principal, request, response);
  }

  @Get()
  @RequireScope('executions:write')
  @Documented({
    id: 'resumeMcp',
    tag: 'Protocols',
    summary: 'Continue the answer to a tool call',
    description:
      'With `Last-Event-ID`, a client of a revision before 2026-07-28 receives the rest of an answer whose connection broke. ' +
      'Without it, the answer is 405: the server sends nothing by itself.',
    status: 200,
    anyQuery: true,
    requestHeaders: ['Last-Event-ID'],
    response: Json,
    contentType: 'text/event-stream',
    examples: { result: { value: { jsonrpc: '2.0', id: 1, result: { content: [] } } } },
    errors: ['invalid_last_event_id', 'not_found', 'cross_site_request', 'too_many_streams'],
    errorForm: ERROR_FORM,
  })
  get(
    @CurrentPrincipal() principal: Principal,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    this.check(principal, request);
    return this.requests.get(principal, request, response);
  }

  /** @throws ProblemError 403 */
  private check(principal: Principal, { headers: { origin, host } }: Request): void {
    if (!isAllowedOrigin(origin, host, this.settings))
      throw new ProblemError(
        'cross_site_request',
        `Pages of ${origin} may not use this server. Add the origin to CORS_ORIGINS if they should.`,
      );
    requireScopes(principal, ['executions:read'], 'MCP');
  }
}
