import { Body, Controller, Get, Param, Post, Query } from '@nestjs/common';
import { AnswerWait, EndedWait, ListWaits, WaitPage } from '@cloutagent/contract';
import { z } from 'zod';
import { CurrentPrincipal, RequireScope } from '../auth/access.decorators.js';
import type { Principal } from '../auth/principal.js';
import { Documented } from '../openapi/documented.decorator.js';
import { AnswerRecorder } from './commands/answer-recorder.js';
import { EXAMPLE_ENDED_WAIT, EXAMPLE_WAITS } from './examples.js';
import { WaitList } from './queries/wait-list.js';

/** The inbox: what executions wait for, and the answers of people. */
@Controller('api/waits')
export class WaitsController {
  constructor(
    private readonly waitList: WaitList,
    private readonly answers: AnswerRecorder,
  ) {}

  @Get()
  @RequireScope('executions:read')
  @Documented({
    id: 'listWaits',
    tag: 'Waits',
    summary: 'List open waits, oldest first',
    description:
      'The inbox of a person or an application: what executions wait for. By default it shows waits that a person or another ' +
      'system ends. Send `nextCursor` as `cursor` to get the next page.',
    status: 200,
    query: ListWaits,
    response: WaitPage,
    examples: { page: { value: EXAMPLE_WAITS } },
    errors: ['not_found'],
  })
  list(
    @Query({ schema: ListWaits }) query: ListWaits,
    @CurrentPrincipal() principal: Principal,
  ): Promise<WaitPage> {
    return this.waitList.list(query, principal);
  }

  @Post(':waitId/answer')
  @RequireScope('executions:control')
  @Documented({
    id: 'answerWait',
    tag: 'Waits',
    summary: 'Answer a wait',
    description:
      'The kind of the wait decides which fields the answer has: `{ approved, comment?, values? }` for an approval, `{ body }` for ' +
      'a signal, `{ action: "approve" | "deny", args?, reason? }` for a tool, ' +
      '`{ action: "retry" | "fail" | "output", output?, reason? }` for a failure. The values of a form fit its `schema`; a ' +
      'rejection may leave them out. The first answer counts. If the wait names assignees, other callers need the scope ' +
      '`waits:answer-any` as well. An answer during a pause counts, and the execution continues with it after the resume.',
    status: 202,
    params: { waitId: z.uuid() },
    body: {
      schema: AnswerWait,
      required: true,
      examples: {
        approval: { value: { approved: true, comment: 'Looks right', values: { budget: 500 } } },
        signal: { value: { body: { paid: true } } },
        tool: { value: { action: 'deny', reason: 'Not this customer' } },
        failure: { value: { action: 'retry' } },
      },
    },
    response: EndedWait,
    examples: { answered: { value: EXAMPLE_ENDED_WAIT } },
    errors: [
      'not_found',
      'invalid_answer',
      'not_assigned',
      'wait_already_answered',
      'wait_expired',
      'no_worker_free',
    ],
  })
  answer(
    @Param('waitId') waitId: string,
    @Body({ schema: AnswerWait }) answer: AnswerWait,
    @CurrentPrincipal() principal: Principal,
  ): Promise<EndedWait> {
    return this.answers.record(waitId, answer, principal);
  }
}
