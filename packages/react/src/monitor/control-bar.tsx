import type { ExecutionStatus } from '@cloutagent/contract';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import type { ExecutionControls } from '../use-execution-controls.js';
import { visibleText } from './visible-text.js';

/** An action that the user requested, and the status at that time. The action is done when the status changes. */
interface RequestedAction {
  action: 'pause' | 'resume' | 'cancel';
  during: ExecutionStatus;
}

interface ControlBarProps {
  status: ExecutionStatus;
  controls: ExecutionControls;
}

/** Buttons to pause, resume and cancel, as the status allows. */
export function ControlBar({ status, controls }: ControlBarProps): ReactNode {
  const [requested, setRequested] = useState<RequestedAction>();
  const [confirming, setConfirming] = useState(false);
  const cancel = useRef<HTMLButtonElement>(null);
  const hasEnded = status === 'completed' || status === 'failed' || status === 'cancelled';
  if (hasEnded) return <ControlError controls={controls} />;

  // A new status means that the action is done, even if the server has not answered the request yet.
  if (requested && requested.during !== status) setRequested(undefined);

  const run = (action: RequestedAction['action']): void => {
    const request: RequestedAction = { action, during: status };
    setRequested(request);
    void controls[action]().then((execution) => {
      if (!execution) setRequested((current) => (current === request ? undefined : current));
    });
  };
  const closeConfirmation = (): void => {
    setConfirming(false);
    cancel.current?.focus();
  };
  const pending = requested?.action;
  const toggle = status === 'paused' ? 'resume' : 'pause';
  return (
    <div className="ca-controls" role="group" aria-label="Controls">
      {status !== 'queued' && (
        <Button busy={pending === toggle} locked={pending !== undefined} onClick={() => run(toggle)}>
          {toggle === 'pause'
            ? pending === 'pause'
              ? 'Pausing…'
              : 'Pause'
            : pending === 'resume'
              ? 'Resuming…'
              : 'Resume'}
        </Button>
      )}
      <button
        ref={cancel}
        type="button"
        className="ca-button ca-danger"
        aria-disabled={pending === 'cancel' || undefined}
        aria-expanded={confirming}
        onClick={() => pending !== 'cancel' && setConfirming(true)}
      >
        {pending === 'cancel' ? 'Cancelling…' : 'Cancel'}
      </button>
      {confirming && (
        <ConfirmCancel
          onYes={() => {
            closeConfirmation();
            run('cancel');
          }}
          onNo={closeConfirmation}
        />
      )}
      <ControlError controls={controls} />
    </div>
  );
}

interface ButtonProps {
  busy: boolean;
  locked: boolean;
  onClick: () => void;
  children: ReactNode;
}

/** A button that uses `aria-disabled` instead of `disabled`, because a disabled button loses the keyboard focus. */
function Button({ busy, locked, onClick, children }: ButtonProps): ReactNode {
  return (
    <button
      type="button"
      className="ca-button"
      aria-disabled={locked || undefined}
      aria-busy={busy || undefined}
      onClick={() => !locked && onClick()}
    >
      {children}
    </button>
  );
}

function ConfirmCancel({ onYes, onNo }: { onYes: () => void; onNo: () => void }): ReactNode {
  const no = useRef<HTMLButtonElement>(null);
  useEffect(() => no.current?.focus(), []);
  return (
    <div
      className="ca-confirm"
      role="group"
      aria-label="Confirm to cancel"
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        // Escape closes only this question, not a dialog around it.
        event.stopPropagation();
        onNo();
      }}
    >
      <span>Cancel this execution? It cannot be resumed.</span>
      <button type="button" className="ca-button ca-danger" onClick={onYes}>
        Yes, cancel it
      </button>
      <button ref={no} type="button" className="ca-button" onClick={onNo}>
        Keep it running
      </button>
    </div>
  );
}

function ControlError({ controls }: { controls: ExecutionControls }): ReactNode {
  const { error, errorWaitId, dismissError } = controls;
  // The card of the wait shows the error of its answer.
  if (!error || errorWaitId !== undefined) return null;
  return (
    <div className="ca-error ca-control-error" role="alert">
      <bdi>{visibleText(error.message)}</bdi>
      <button type="button" className="ca-button ca-small" onClick={dismissError}>
        Dismiss
      </button>
    </div>
  );
}
