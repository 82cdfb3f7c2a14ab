import { Body, Controller, Delete, Get, Headers, Param, Post, Put, Query, Res } from '@nestjs/common';
import {
  Execution,
  ListSchedules,
  ProjectId,
  PutSchedule,
  Schedule,
  ScheduleList,
  ScheduleName,
} from '@cloutagent/contract';
import type { Response } from 'express';
import { CurrentPrincipal, RequireScope } from '../auth/access.decorators.js';
import type { Principal } from '../auth/principal.js';
import { Documented } from '../openapi/documented.decorator.js';
import { checkIdempotencyKey } from '../problems/idempotency-key.js';
import { EXAMPLE_EXECUTION, EXAMPLE_PUT_SCHEDULE, EXAMPLE_SCHEDULE } from './examples.js';
import { SchedulesService } from './schedules.service.js';

const PARAMS = { projectId: ProjectId, name: ScheduleName };

@Controller('api/schedules')
@RequireScope('schedules:manage')
export class SchedulesController {
  constructor(private readonly schedules: SchedulesService) {}

  @Put(':projectId/:name')
  @Documented({
    id: 'putSchedule',
    tag: 'Schedules',
    summary: 'Set a schedule, which starts a saved workflow at times that recur',
    description:
      'Also requires the scope `executions:write`. Executions are started as `schedule:<name>`, once for each due time. A time that the ' +
      'clock of the zone skips is due right after the gap; a time that it shows twice is due the first time. With `*` as the hour, due ' +
      'times follow the time that passes. The next due time changes only with `cron`, `timeZone` and `enabled`.',
    status: 200,
    params: PARAMS,
    body: { schema: PutSchedule, required: true, examples: { nightly: { value: EXAMPLE_PUT_SCHEDULE } } },
    response: Schedule,
    examples: { nightly: { value: EXAMPLE_SCHEDULE } },
    errors: ['schedule_invalid', 'workflow_not_allowed', 'not_found', 'too_many_schedules'],
  })
  put(
    @Param('projectId', { schema: ProjectId }) projectId: string,
    @Param('name', { schema: ScheduleName }) name: string,
    @Body({ schema: PutSchedule }) body: PutSchedule,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Schedule> {
    return this.schedules.put(projectId, name, body, principal);
  }

  @Get()
  @Documented({
    id: 'listSchedules',
    tag: 'Schedules',
    summary: 'List the schedules of a project',
    description: 'They are ordered by name.',
    status: 200,
    query: ListSchedules,
    response: ScheduleList,
    examples: { one: { value: { schedules: [EXAMPLE_SCHEDULE] } } },
    errors: ['not_found'],
  })
  async list(
    @Query({ schema: ListSchedules }) { projectId }: ListSchedules,
    @CurrentPrincipal() principal: Principal,
  ): Promise<ScheduleList> {
    return { schedules: await this.schedules.list(projectId, principal) };
  }

  @Get(':projectId/:name')
  @Documented({
    id: 'getSchedule',
    tag: 'Schedules',
    summary: 'Show a schedule',
    description: '`lastError` says why the last due time started nothing.',
    status: 200,
    params: PARAMS,
    response: Schedule,
    examples: { nightly: { value: EXAMPLE_SCHEDULE } },
    errors: ['validation_failed', 'not_found'],
  })
  get(
    @Param('projectId', { schema: ProjectId }) projectId: string,
    @Param('name', { schema: ScheduleName }) name: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Schedule> {
    return this.schedules.get(projectId, name, principal);
  }

  @Delete(':projectId/:name')
  @Documented({
    id: 'deleteSchedule',
    tag: 'Schedules',
    summary: 'Delete a schedule',
    description: 'Its executions stay, also those that have not ended.',
    status: 204,
    params: PARAMS,
    errors: ['validation_failed', 'not_found'],
  })
  delete(
    @Param('projectId', { schema: ProjectId }) projectId: string,
    @Param('name', { schema: ScheduleName }) name: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<void> {
    return this.schedules.delete(projectId, name, principal);
  }

  @Post(':projectId/:name/run')
  @Documented({
    id: 'runSchedule',
    tag: 'Schedules',
    summary: 'Start an execution of a schedule now',
    description:
      'Also requires the scope `executions:write`. It starts one whatever else of the schedule is open, also if the schedule is ' +
      'disabled. Its due times stay as they are.',
    status: 202,
    params: PARAMS,
    requestHeaders: ['Idempotency-Key'],
    response: Execution,
    examples: { queued: { value: EXAMPLE_EXECUTION } },
    responseHeaders: ['Location', 'Idempotency-Replayed'],
    errors: [
      'validation_failed',
      'expression_too_complex',
      'not_available',
      'price_unknown',
      'input_invalid',
      'secret_unknown',
      'workflow_not_allowed',
      'not_found',
      'idempotency_key_reused',
      'no_worker_free',
    ],
  })
  async run(
    @Param('projectId', { schema: ProjectId }) projectId: string,
    @Param('name', { schema: ScheduleName }) name: string,
    @Headers('idempotency-key') key: string | undefined,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) response: Response,
  ): Promise<Execution> {
    const { execution, replayed } = await this.schedules.run(
      projectId,
      name,
      principal,
      checkIdempotencyKey(key),
    );
    response.location(`${response.req.baseUrl}/api/executions/${execution.id}`);
    if (replayed) response.setHeader('Idempotency-Replayed', 'true');
    return execution;
  }
}
