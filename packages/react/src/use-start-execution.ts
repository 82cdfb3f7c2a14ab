import type { CloutAgentError, Execution, StartExecutionInput } from '@cloutagent/client';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useCloutAgent } from './provider.js';
import { toClientError } from './store/client-error.js';

export interface StartExecutionState {
  /** The server has not answered yet. */
  readonly pending: boolean;
  /** The started execution, as it was when it started. `useExecution(executionId)` follows it. */
  readonly execution: Execution | undefined;
  /** Id of the started execution; undefined before, while a start is pending, and after an error. */
  readonly executionId: string | undefined;
  /** Why the last start failed. `error.problem.errors` has the paths of an input that does not fit. */
  readonly error: CloutAgentError | undefined;
}

export interface StartExecution extends StartExecutionState {
  /**
   * Starts an execution of a graph (`workflow`) or of a saved workflow (`workflowRef`). Resolves to it, or to undefined if
   * that failed; never rejects. A start that the server has not answered can be repeated: the same request starts one
   * execution.
   */
  readonly start: (request: StartExecutionInput) => Promise<Execution | undefined>;
  /** Forgets the started execution and the error. */
  readonly reset: () => void;
}

const IDLE: StartExecutionState = {
  pending: false,
  execution: undefined,
  executionId: undefined,
  error: undefined,
};

/** Starts executions, and keeps the last one that this component has started. */
export function useStartExecution(): StartExecution {
  const client = useCloutAgent();
  const [state, setState] = useState(IDLE);
  /** Number of the last start. An answer to an earlier one, or after unmounting, is dropped. */
  const latest = useRef(0);
  const unanswered = useRef<{ request: string; key: string }>(undefined);
  useEffect(
    () => () => {
      latest.current += 1;
    },
    [client],
  );

  const start = useCallback(
    async (request: StartExecutionInput) => {
      const number = (latest.current += 1);
      const text = JSON.stringify(request);
      const repeated = unanswered.current?.request === text ? unanswered.current : undefined;
      const attempt = repeated ?? { request: text, key: randomKey() };
      unanswered.current = attempt;
      setState({ ...IDLE, pending: true });
      const finish = (next: Partial<StartExecutionState>): void => {
        if (number === latest.current) setState({ ...IDLE, ...next });
      };
      const answered = (): void => {
        if (unanswered.current === attempt) unanswered.current = undefined;
      };
      try {
        const execution = await client.executions.start(request, { idempotencyKey: attempt.key });
        answered();
        finish({ execution, executionId: execution.id });
        return execution;
      } catch (failure) {
        const error = toClientError(failure);
        if (error.problem) answered();
        finish({ error });
        return undefined;
      }
    },
    [client],
  );
  const reset = useCallback(() => {
    latest.current += 1;
    setState(IDLE);
  }, []);
  return useMemo(() => ({ ...state, start, reset }), [state, start, reset]);
}

/** Returns a random key. `crypto.randomUUID` does not exist on pages without HTTPS. */
const randomKey = (): string => crypto.getRandomValues(new Uint32Array(4)).join('-');
