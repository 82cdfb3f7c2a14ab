import { Injectable } from '@nestjs/common';
import type { ExecutionEvent } from '@cloutagent/contract';
import type { EventFormat, FormattedExecution, OutputFrame } from '../../streaming/formats/event-format.js';
import { StreamFormat } from '../../streaming/formats/stream-format.decorator.js';
import type { StreamResponse } from './a2a-types.js';
import { applyToTask, beginTask, taskOf, type TaskState, waitsForClient } from './task-state.js';

/** Translates events into the StreamResponse objects of A2A 1.0. The first frame is the task. */
@Injectable()
@StreamFormat('a2a')
export class A2aFormat implements EventFormat<TaskState> {
  begin(execution: FormattedExecution): TaskState {
    return beginTask(execution);
  }

  encode(event: ExecutionEvent, state: TaskState): OutputFrame[] {
    const changes = applyToTask(state, event);
    // What the first event changes is part of the task.
    const frames: StreamResponse[] = event.sequence === 1 ? [{ task: taskOf(state) }] : changes;
    return frames.map((data) => ({ data }));
  }

  isIdle(state: TaskState): boolean {
    return waitsForClient(state).length > 0;
  }
}
