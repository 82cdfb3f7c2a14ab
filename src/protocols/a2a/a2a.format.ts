import { Injectable } from '@nestjs/common';
import type { ExecutionEvent } from '@cloutagent/contract';
import type { EventFormat, FormattedExecution, OutputFrame } from '../../streaming/formats/event-format.js';
import { StreamFormat } from '../../streaming/formats/stream-format.decorator.js';
import { STREAM_CLOSED, statusOf } from './a2a-errors.js';
import { applyToTask, beginTask, taskOf, type TaskState, waitsForClient } from './task-state.js';

/**
 * Translates events into the StreamResponse objects of A2A 1.0, as its HTTP+JSON binding sends them. Each stream begins with
 * the task as it stands.
 */
@Injectable()
@StreamFormat('a2a')
export class A2aFormat implements EventFormat<TaskState> {
  begin(execution: FormattedExecution): TaskState {
    return beginTask(execution);
  }

  opening(state: TaskState): OutputFrame[] {
    return [{ data: { task: taskOf(state) } }];
  }

  encode(event: ExecutionEvent, state: TaskState): OutputFrame[] {
    return applyToTask(state, event).map((data) => ({ data }));
  }

  isIdle(state: TaskState): boolean {
    return waitsForClient(state).length > 0;
  }

  interrupted(): OutputFrame[] {
    return [{ event: 'error', data: { error: statusOf(STREAM_CLOSED) } }];
  }
}
