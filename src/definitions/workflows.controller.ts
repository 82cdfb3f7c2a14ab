import { Body, Controller, Delete, Get, Headers, Param, Put, Query, Res } from '@nestjs/common';
import {
  GetWorkflow,
  ListWorkflows,
  ProjectId,
  SavedWorkflow,
  SavedWorkflowPage,
  SaveWorkflow,
  WorkflowName,
} from '@cloutagent/contract';
import type { Response } from 'express';
import { CurrentPrincipal, RequireScope } from '../auth/access.decorators.js';
import { ownsProject, type Principal } from '../auth/principal.js';
import { Documented } from '../openapi/documented.decorator.js';
import { NotFoundError } from '../problems/problem.error.js';
import { EXAMPLE_CONTENT, EXAMPLE_SAVED, EXAMPLE_SUMMARY } from './examples.js';
import { etagOf, preconditionOf } from './preconditions.js';
import { WorkflowSaver } from './workflow-saver.js';
import { WorkflowStore } from './workflow-store.js';

const PARAMS = { projectId: ProjectId, name: WorkflowName };

/** Saves, shows and deletes saved workflows. */
@Controller('api/workflows')
export class WorkflowsController {
  constructor(
    private readonly saver: WorkflowSaver,
    private readonly store: WorkflowStore,
  ) {}

  @Get()
  @RequireScope('workflows:read')
  @Documented({
    id: 'listWorkflows',
    tag: 'Workflows',
    summary: 'List saved workflows by project and name, with the newest version of each',
    description: 'Send `nextCursor` as `cursor` to get the next page. It is null on the last page.',
    status: 200,
    query: ListWorkflows,
    response: SavedWorkflowPage,
    examples: { page: { value: { workflows: [EXAMPLE_SUMMARY], nextCursor: null } } },
    errors: ['not_found'],
  })
  list(
    @Query({ schema: ListWorkflows }) query: ListWorkflows,
    @CurrentPrincipal() principal: Principal,
  ): Promise<SavedWorkflowPage> {
    const { projectId } = query;
    if (projectId !== undefined) checkProject(principal, projectId);
    const all = principal.projects.includes('*') ? undefined : principal.projects;
    return this.store.list(projectId === undefined ? all : [projectId], query);
  }

  @Put(':projectId/:name')
  @RequireScope('workflows:write')
  @Documented({
    id: 'saveWorkflow',
    tag: 'Workflows',
    summary: 'Save a workflow as the next version of a name',
    description:
      'The workflow is checked as it is when it is posted. A version never changes. Content that equals the newest version changes ' +
      'nothing: the answer is 200 with that version. Send `If-Match` with the `ETag` of the version that you have changed: the ' +
      'request is refused with 412 if another version was saved since. `If-None-Match: *` saves only a new name.',
    status: 201,
    repeated: 200,
    params: PARAMS,
    requestHeaders: ['If-Match', 'If-None-Match'],
    body: { schema: SaveWorkflow, required: true, examples: { explain: { value: EXAMPLE_CONTENT } } },
    response: SavedWorkflow,
    examples: { saved: { value: EXAMPLE_SAVED } },
    responseHeaders: ['ETag', 'Location'],
    errors: [
      'expression_too_complex',
      'not_available',
      'price_unknown',
      'not_found',
      'precondition_failed',
      'too_many_workflows',
      'too_many_versions',
      'no_worker_free',
    ],
  })
  async save(
    @Param('projectId', { schema: ProjectId }) projectId: string,
    @Param('name', { schema: WorkflowName }) name: string,
    @Body({ schema: SaveWorkflow }) content: SaveWorkflow,
    @CurrentPrincipal() principal: Principal,
    @Headers('if-match') ifMatch: string | undefined,
    @Headers('if-none-match') ifNoneMatch: string | undefined,
    @Res({ passthrough: true }) response: Response,
  ): Promise<SavedWorkflow> {
    const precondition = preconditionOf(ifMatch, ifNoneMatch);
    const { saved, isNew } = await this.saver.save({ projectId, name, content, precondition }, principal);
    response.status(isNew ? 201 : 200);
    response.setHeader('ETag', etagOf(saved.version));
    response.location(
      `${response.req.baseUrl}/api/workflows/${encodeURIComponent(projectId)}/${encodeURIComponent(name)}?version=${saved.version}`,
    );
    return saved;
  }

  @Get(':projectId/:name')
  @RequireScope('workflows:read')
  @Documented({
    id: 'getWorkflow',
    tag: 'Workflows',
    summary: 'Get a version of a saved workflow: the newest, or the one that `version` names',
    description: 'With its graph, its inputSchema and its options.',
    status: 200,
    params: PARAMS,
    query: GetWorkflow,
    response: SavedWorkflow,
    examples: { saved: { value: EXAMPLE_SAVED } },
    responseHeaders: ['ETag'],
    errors: ['not_found'],
  })
  async get(
    @Param('projectId', { schema: ProjectId }) projectId: string,
    @Param('name', { schema: WorkflowName }) name: string,
    @Query({ schema: GetWorkflow }) { version }: GetWorkflow,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) response: Response,
  ): Promise<SavedWorkflow> {
    checkProject(principal, projectId);
    const saved = await this.store.get(projectId, name, version);
    response.setHeader('ETag', etagOf(saved.version));
    // No 304: the tag names the version, and an alias may have moved since.
    delete response.req.headers['if-none-match'];
    return saved;
  }

  @Delete(':projectId/:name')
  @RequireScope('workflows:write')
  @Documented({
    id: 'deleteWorkflow',
    tag: 'Workflows',
    summary: 'Delete a saved workflow with all its versions and aliases',
    description:
      'Executions that run one of its versions continue. A workflow that is saved later under the same name begins with the next number ' +
      'of a version.',
    status: 204,
    params: PARAMS,
    errors: ['not_found'],
  })
  remove(
    @Param('projectId', { schema: ProjectId }) projectId: string,
    @Param('name', { schema: WorkflowName }) name: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<void> {
    checkProject(principal, projectId);
    return this.store.remove(projectId, name);
  }
}

/** @throws NotFoundError */
export function checkProject(principal: Principal, projectId: string): void {
  if (!ownsProject(principal, projectId)) throw new NotFoundError('project');
}
