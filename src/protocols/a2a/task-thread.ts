import type { FormattedExecution } from '../../streaming/formats/event-format.js';
import type { Message } from './a2a-types.js';

/** What the thread of a task stores: the message that started it. */
export interface TaskThread {
  readonly message: Message;
}

/** Returns the context of a task. An execution that A2A has not started is alone in the context with its own id. */
export const contextOf = ({ id, thread }: Pick<FormattedExecution, 'id' | 'thread'>): string =>
  thread?.protocol === 'a2a' ? thread.threadId : id;
