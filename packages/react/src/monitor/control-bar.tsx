import type { ExecutionStatus } from '@cloutagent/contract';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import type { ExecutionControls } from '../use-execution-controls.js';
import { visibleText } from './visible-text.js';

/** What was asked for, and in which status: the event that says that it has happened brings another one. */
interface Asked {
  action: 'pause' | 'resume' | 'cancel';
  during: ExecutionStatus;
}

interface ControlBarProps {
  status: ExecutionStatus;
  controls: ExecutionControls;
}

/** Pause, resume and cancel, as the status allows. */
export function ControlBar({ status, controls }: ControlBarProps): ReactNode {
  const [asked, ask] = useState<Asked>();
  const [confirming, setConfirming] = useState(false);
  const cancel = useRef<HTMLButtonElement>(null);
  const over = status === 'completed' || status === 'failed' || status === 'cancelled';
  if (over) return <ControlError controls={controls} />;

  // It has happened, whether or not the request has been answered yet.
  if (asked && asked.during !== status) ask(undefined);

  const run = (action: Asked['action']): void => {
    const mine: Asked = { action, during: status };
    ask(mine);
    void controls[action]().then((execution) => {
      if (!execution) ask((current) => (current === mine ? undefined : current));
    });
  };
  const settle = (): void => {
    setConfirming(false);
    cancel.current?.focus();
  };
  const coming = asked?.action;
  const toggle = status === 'paused' ? 'resume' : 'pause';
  return (
    <div className="ca-controls" role="group" aria-label="Controls">
      {status !== 'queued' && (
        <Button busy={coming === toggle} locked={coming !== undefined} onClick={() => run(toggle)}>
          {toggle === 'pause'
            ? coming === 'pause'
              ? 'Pausing…'
              : 'Pause'
            : coming === 'resume'
              ? 'Resuming…'
              : 'Resume'}
        </Button>
      )}
      <button
        ref={cancel}
        type="button"
        className="ca-button ca-danger"
        aria-disabled={coming === 'cancel' || undefined}
        aria-expanded={confirming}
        onClick={() => coming !== 'cancel' && setConfirming(true)}
      >
        {coming === 'cancel' ? 'Cancelling…' : 'Cancel'}
      </button>
      {confirming && (
        <ConfirmCancel
          onYes={() => {
            settle();
            run('cancel');
          }}
          onNo={settle}
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

/** Not `disabled` while it waits: a disabled button loses the keyboard's place. */
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
        // It closes this question, and nothing of the page around.
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

function ControlError({ controls: { error, dismissError } }: { controls: ExecutionControls }): ReactNode {
  if (!error) return null;
  return (
    <div className="ca-error ca-control-error" role="alert">
      <bdi>{visibleText(error.message)}</bdi>
      <button type="button" className="ca-button ca-small" onClick={dismissError}>
        Dismiss
      </button>
    </div>
  );
}
