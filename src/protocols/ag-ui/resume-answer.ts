import type { Json, WaitKind } from '@cloutagent/contract';
import type { ResumeEntry } from './run-agent-input.js';
import { RunRefusedError } from './run-error.js';

const isObject = (value: Json | undefined): value is Record<string, Json> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Translates an entry of `resume` into the answer of a wait, as `POST /api/waits/:waitId/answer` takes it. It reads the shape
 * that the interrupt has asked for, that of the answer itself, and `true` or `false` as a whole payload.
 * @throws RunRefusedError if a signal is cancelled
 */
export function answerOf(
  kind: WaitKind,
  { status, payload, interruptId }: ResumeEntry,
): Record<string, Json> {
  const isCancelled = status === 'cancelled';
  switch (kind) {
    case 'approval':
      if (isCancelled) return { approved: false };
      return isObject(payload) ? payload : { approved: payload ?? true };
    case 'tool':
      if (isCancelled) return { action: 'deny' };
      return toolAnswer(payload ?? true);
    case 'failure':
      if (isCancelled) return { action: 'fail' };
      return isObject(payload) ? payload : { action: payload ?? 'retry' };
    default:
      if (isCancelled)
        throw new RunRefusedError(
          'resume_invalid',
          `The interrupt ${interruptId} waits for a signal, which cannot be declined. Send its body as the payload, or cancel the execution.`,
        );
      return { body: payload ?? null };
  }
}

function toolAnswer(payload: Json): Record<string, Json> {
  if (!isObject(payload))
    return { action: payload === true ? 'approve' : payload === false ? 'deny' : payload };
  if (payload['action'] !== undefined) return payload;
  const { approved, editedArgs, ...more } = payload;
  return {
    ...more,
    action: approved === true ? 'approve' : approved === false ? 'deny' : (approved ?? null),
    ...(approved === true && editedArgs !== undefined && { args: editedArgs }),
  };
}
