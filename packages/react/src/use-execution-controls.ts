import type {
  AnswerWait,
  ApproveInput,
  CloutAgentError,
  Execution,
  RerunExecutionInput,
} from '@cloutagent/client';
import type { Json } from '@cloutagent/contract';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useCloutAgent } from './provider.js';
import { toClientError } from './store/client-error.js';
import { storesOf } from './store/stores.js';

export type ControlAction = 'pause' | 'resume' | 'cancel' | 'approve' | 'answer' | 'signal' | 'rerun';

/** Actions on an execution. Each resolves when the server has answered. None rejects; `error` has the failure. */
export interface ExecutionControls {
  readonly pause: (reason?: string) => Promise<Execution | undefined>;
  readonly resume: (reason?: string) => Promise<Execution | undefined>;
  readonly cancel: (reason?: string) => Promise<Execution | undefined>;
  /** Answers a waiting `approval` node. With `approved: false` the execution fails. */
  readonly approve: (answer?: ApproveInput) => Promise<Execution | undefined>;
  /** Answers an open wait. Resolves to true when the server has accepted the answer. */
  readonly answer: (waitId: string, answer: AnswerWait) => Promise<boolean>;
  /** Sends a signal. Resolves to true when the server has accepted it. */
  readonly signal: (name: string, body?: Json) => Promise<boolean>;
  /** Runs the ended execution again, by default from the nodes that failed. Resolves to the new execution. */
  readonly rerun: (request?: RerunExecutionInput) => Promise<Execution | undefined>;
  /** Reconnects now, instead of waiting or after a refusal. */
  readonly reconnect: () => void;
  /** The action that the server has not answered yet; undefined if there is none. */
  readonly pending: ControlAction | undefined;
  /** Error of the last action. The next action or `dismissError` clears it. */
  readonly error: CloutAgentError | undefined;
  /** The wait whose answer failed with `error`; undefined if it was another action. */
  readonly errorWaitId: string | undefined;
  /** Why the last answer to each wait failed, by wait id. The next answer to the wait clears it. */
  readonly waitErrors: ReadonlyMap<string, CloutAgentError>;
  /** Clears `error`, and the errors of answers that did not reach the server. */
  readonly dismissError: () => void;
}

/** Controls an execution. The effect of an action arrives as events; `useExecution` shows it. */
export function useExecutionControls(executionId: string | null | undefined): ExecutionControls {
  const client = useCloutAgent();
  const [stored, setStored] = useState<{ session: object; state: ControlState }>();
  /** A new object for each execution, so that a pending action is never shown for another execution. */
  const session = useMemo(() => ({ client, executionId }), [client, executionId]);
  const [failed, setFailed] = useState<{ session: object; errors: ReadonlyMap<string, CloutAgentError> }>();
  const latest = useRef(0);

  // Drop a response that arrives after the execution has changed or the component was unmounted.
  useEffect(
    () => () => {
      latest.current += 1;
    },
    [session],
  );

  const run = useCallback(
    async <T>(action: ControlAction, call: (id: string) => Promise<T>, errorWaitId?: string) => {
      const { executionId: id } = session;
      if (!id) return undefined;
      // Several answers can be under way at once, so each wait has its own error.
      const setWaitError = (error?: CloutAgentError): void =>
        setFailed((before) => {
          if (errorWaitId === undefined) return before;
          const errors = new Map(before?.session === session ? before.errors : []);
          errors.delete(errorWaitId);
          if (error) errors.set(errorWaitId, error);
          return { session, errors };
        });
      setWaitError();
      const number = (latest.current += 1);
      setStored({ session, state: { ...IDLE, pending: action } });
      try {
        const result = await call(id);
        if (number === latest.current) setStored(undefined);
        return result;
      } catch (failure) {
        const error = toClientError(failure);
        setWaitError(error);
        if (number === latest.current)
          setStored({ session, state: { pending: undefined, error, errorWaitId } });
        return undefined;
      }
    },
    [session],
  );

  const actions = useMemo(() => {
    const { executions, waits } = client;
    const accepted = (): true => true;
    const body = (reason: string | undefined) => (reason ? { reason } : {});
    return {
      pause: (reason?: string) => run('pause', (id) => executions.pause(id, body(reason))),
      resume: (reason?: string) => run('resume', (id) => executions.resume(id, body(reason))),
      cancel: (reason?: string) => run('cancel', (id) => executions.cancel(id, body(reason))),
      approve: (answer: ApproveInput = {}) => run('approve', (id) => executions.approve(id, answer)),
      answer: async (waitId: string, answer: AnswerWait) =>
        (await run('answer', () => waits.answer(waitId, answer).then(accepted), waitId)) === true,
      signal: async (name: string, value?: Json) =>
        (await run('signal', (id) => executions.signal(id, name, value).then(accepted))) === true,
      rerun: (request: RerunExecutionInput = {}) => run('rerun', (id) => executions.rerun(id, request)),
      reconnect: () => {
        if (executionId) storesOf(client).streams.peek(executionId)?.reconnect();
      },
      dismissError: () => {
        setStored((current) => (current?.state.error ? undefined : current));
        setFailed((current) => {
          const errors = current && withoutLost(current.errors);
          return errors === current?.errors ? current : current && errors && { ...current, errors };
        });
      },
    };
  }, [client, executionId, run]);

  const state = stored && stored.session === session ? stored.state : IDLE;
  const waitErrors = failed && failed.session === session ? failed.errors : NO_ERRORS;
  return useMemo(() => ({ ...actions, ...state, waitErrors }), [actions, state, waitErrors]);
}

/** Removes the errors of requests that the server has not answered. */
function withoutLost(errors: ReadonlyMap<string, CloutAgentError>): ReadonlyMap<string, CloutAgentError> {
  const kept = [...errors].filter(([, { problem }]) => problem !== undefined);
  return kept.length === errors.size ? errors : new Map(kept);
}

const NO_ERRORS: ReadonlyMap<string, CloutAgentError> = new Map();
type ControlState = Pick<ExecutionControls, 'pending' | 'error' | 'errorWaitId'>;
const IDLE: ControlState = { pending: undefined, error: undefined, errorWaitId: undefined };
