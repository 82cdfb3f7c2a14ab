import { Body, Controller, Delete, Get, Param, Put, Query } from '@nestjs/common';
import { ListTriggers, ProjectId, PutTrigger, Trigger, TriggerList, TriggerName } from '@cloutagent/contract';
import { CurrentPrincipal, RequireScope } from '../../auth/access.decorators.js';
import type { Principal } from '../../auth/principal.js';
import { Documented } from '../../openapi/documented.decorator.js';
import { EXAMPLE_PUT_TRIGGER, EXAMPLE_TRIGGER } from '../examples.js';
import { TriggersService } from './triggers.service.js';

const PARAMS = { projectId: ProjectId, name: TriggerName };

@Controller('api/triggers')
@RequireScope('triggers:manage')
export class TriggersController {
  constructor(private readonly triggers: TriggersService) {}

  @Put(':projectId/:name')
  @Documented({
    id: 'putTrigger',
    tag: 'Triggers',
    summary: 'Set a trigger, which starts a saved workflow by webhooks of another service',
    description:
      'Also requires the scope `executions:write`. Executions are started as `trigger:<name>`. Give the sender the `address` of the ' +
      'answer and the value of the secret. Without `map`, the input is the body.',
    status: 200,
    params: PARAMS,
    body: { schema: PutTrigger, required: true, examples: { issues: { value: EXAMPLE_PUT_TRIGGER } } },
    response: Trigger,
    examples: { issues: { value: EXAMPLE_TRIGGER } },
    errors: [
      'workflow_not_allowed',
      'not_found',
      'too_many_triggers',
      'no_worker_free',
      'secrets_unavailable',
    ],
  })
  put(
    @Param('projectId', { schema: ProjectId }) projectId: string,
    @Param('name', { schema: TriggerName }) name: string,
    @Body({ schema: PutTrigger }) body: PutTrigger,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Trigger> {
    return this.triggers.put(projectId, name, body, principal);
  }

  @Get()
  @Documented({
    id: 'listTriggers',
    tag: 'Triggers',
    summary: 'List the triggers of a project',
    description: 'They are ordered by name.',
    status: 200,
    query: ListTriggers,
    response: TriggerList,
    examples: { one: { value: { triggers: [EXAMPLE_TRIGGER] } } },
    errors: ['not_found'],
  })
  async list(
    @Query({ schema: ListTriggers }) { projectId }: ListTriggers,
    @CurrentPrincipal() principal: Principal,
  ): Promise<TriggerList> {
    return { triggers: await this.triggers.list(projectId, principal) };
  }

  @Get(':projectId/:name')
  @Documented({
    id: 'getTrigger',
    tag: 'Triggers',
    summary: 'Show a trigger',
    description: '`lastError` says why the last genuine request started nothing.',
    status: 200,
    params: PARAMS,
    response: Trigger,
    examples: { issues: { value: EXAMPLE_TRIGGER } },
    errors: ['validation_failed', 'not_found'],
  })
  get(
    @Param('projectId', { schema: ProjectId }) projectId: string,
    @Param('name', { schema: TriggerName }) name: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Trigger> {
    return this.triggers.get(projectId, name, principal);
  }

  @Delete(':projectId/:name')
  @Documented({
    id: 'deleteTrigger',
    tag: 'Triggers',
    summary: 'Delete a trigger',
    description: 'Its address answers 404 from then on. Its executions stay.',
    status: 204,
    params: PARAMS,
    errors: ['validation_failed', 'not_found'],
  })
  delete(
    @Param('projectId', { schema: ProjectId }) projectId: string,
    @Param('name', { schema: TriggerName }) name: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<void> {
    return this.triggers.delete(projectId, name, principal);
  }
}
