import { Controller, Delete, Param } from '@nestjs/common';
import { DeletedExecution, ExecutionId } from '@cloutagent/contract';
import { CurrentPrincipal, RequireScope } from '../auth/access.decorators.js';
import type { Principal } from '../auth/principal.js';
import { ExecutionDeleter } from '../journal/execution-deleter.js';
import { Documented } from '../openapi/documented.decorator.js';
import { checkId } from './execution-id.js';
import { visibleProjects } from './visible-projects.js';

const EXAMPLE_DELETED: DeletedExecution = {
  deleted: 1,
  reruns: ['0199c0de-0000-7000-8000-000000000003'],
};

/** Deletes executions for good. */
@Controller('api/executions')
@RequireScope('executions:control')
export class DeletionController {
  constructor(private readonly deleter: ExecutionDeleter) {}

  @Delete(':executionId')
  @Documented({
    id: 'deleteExecution',
    tag: 'Control',
    summary: 'Delete an execution that has ended, with everything that is stored of it',
    description:
      'Deletes events, waits, signals, tool calls and undelivered events too, and the executions below it. A child execution ' +
      'cannot be deleted alone. Open streams of it end, and a new one is answered with 404. The answer names its re-runs: ' +
      'they hold copies of outputs, and are not deleted.',
    status: 200,
    params: { executionId: ExecutionId },
    response: DeletedExecution,
    examples: { deleted: { value: EXAMPLE_DELETED } },
    errors: ['not_found', 'execution_not_ended', 'execution_has_parent'],
  })
  delete(
    @Param('executionId') id: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<DeletedExecution> {
    return this.deleter.delete(checkId(id), visibleProjects(principal, undefined));
  }
}
