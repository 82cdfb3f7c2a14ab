import type { ApproveInput, CloutAgentError, Execution } from '@cloutagent/client';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useCloutAgent } from './provider.js';
import { toClientError } from './store/client-error.js';
import { storesOf } from './store/stores.js';

export type ControlAction = 'pause' | 'resume' | 'cancel' | 'approve';

/** Every function resolves when the server has answered; none rejects: what went wrong is in `error`. */
export interface ExecutionControls {
  readonly pause: (reason?: string) => Promise<Execution | undefined>;
  readonly resume: (reason?: string) => Promise<Execution | undefined>;
  readonly cancel: (reason?: string) => Promise<Execution | undefined>;
  /** Answers a waiting `approval` node; with `approved: false` the execution fails. */
  readonly approve: (answer?: ApproveInput) => Promise<Execution | undefined>;
  /** Connects again now, in place of waiting or after a refusal. */
  readonly reconnect: () => void;
  /** The action whose answer has not come yet; undefined when there is none. */
  readonly pending: ControlAction | undefined;
  /** Why the last action did not work; gone with the next one, or with `dismissError`. */
  readonly error: CloutAgentError | undefined;
  /** Forgets the error: it has been read, or is no longer true. */
  readonly dismissError: () => void;
}

/** Steers an execution. What it leads to comes with the events, to `useExecution`. */
export function useExecutionControls(executionId: string | null | undefined): ExecutionControls {
  const client = useCloutAgent();
  const [known, setKnown] = useState<{ of: object; state: ControlState }>();
  /** New with each execution, so that what is under way for one is never shown for another. */
  const session = useMemo(() => ({ client, executionId }), [client, executionId]);
  const latest = useRef(0);

  // An answer that belongs to another execution, or to nobody any more, is dropped.
  useEffect(
    () => () => {
      latest.current += 1;
    },
    [session],
  );

  const run = useCallback(
    async (action: ControlAction, call: (id: string) => Promise<Execution>) => {
      const { executionId: id } = session;
      if (!id) return undefined;
      const mine = (latest.current += 1);
      setKnown({ of: session, state: { pending: action, error: undefined } });
      try {
        const execution = await call(id);
        if (mine === latest.current) setKnown(undefined);
        return execution;
      } catch (error) {
        if (mine === latest.current) {
          setKnown({ of: session, state: { pending: undefined, error: toClientError(error) } });
        }
        return undefined;
      }
    },
    [session],
  );

  const actions = useMemo(() => {
    const { executions } = client;
    const because = (reason: string | undefined) => (reason ? { reason } : {});
    return {
      pause: (reason?: string) => run('pause', (id) => executions.pause(id, because(reason))),
      resume: (reason?: string) => run('resume', (id) => executions.resume(id, because(reason))),
      cancel: (reason?: string) => run('cancel', (id) => executions.cancel(id, because(reason))),
      approve: (answer: ApproveInput = {}) => run('approve', (id) => executions.approve(id, answer)),
      reconnect: () => {
        if (executionId) storesOf(client).feeds.peek(executionId)?.reconnect();
      },
      dismissError: () => setKnown((before) => (before?.state.error ? undefined : before)),
    };
  }, [client, executionId, run]);

  const state = known && known.of === session ? known.state : IDLE;
  return useMemo(() => ({ ...actions, ...state }), [actions, state]);
}

type ControlState = Pick<ExecutionControls, 'pending' | 'error'>;
const IDLE: ControlState = { pending: undefined, error: undefined };
