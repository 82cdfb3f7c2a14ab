import type { ReactNode } from 'react';
import { Dialog } from '../ui/dialog.js';
import { ProblemNotice } from '../ui/problem-notice.js';
import { useAction } from './use-action.js';

interface Props {
  title: string;
  /** The verb on the button, such as "Delete". */
  verb: string;
  /** Label of the button that changes nothing. */
  keep: string;
  /** What happens then. */
  children: ReactNode;
  action: () => Promise<unknown>;
  onClose: () => void;
}

/** Asks before an action that cannot be undone. Closes when it is done. */
export function ConfirmDialog({ title, verb, keep, children, action, onClose }: Props) {
  const { working, error, run } = useAction();
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{children}</p>
      {error && <ProblemNotice what="Nothing was changed." error={error} />}
      <div className="row">
        <button
          type="button"
          className="button danger"
          disabled={working}
          onClick={() => void run(action).then((done) => done && onClose())}
        >
          {verb}
        </button>
        <button type="button" className="button" onClick={onClose}>
          {keep}
        </button>
      </div>
    </Dialog>
  );
}
