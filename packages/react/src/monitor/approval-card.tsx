import { type ReactNode, useId, useState } from 'react';
import type { NodeView } from '../store/snapshot.js';
import type { ExecutionControls } from '../use-execution-controls.js';
import { Section } from './section.js';
import { TextPane } from './text-pane.js';

interface ApprovalCardProps {
  node: NodeView;
  /** Without controls the card is read-only. */
  controls?: ExecutionControls | undefined;
}

/** An approval node that waits for a decision, with buttons to approve and reject. */
export function ApprovalCard({ node, controls }: ApprovalCardProps): ReactNode {
  const [comment, setComment] = useState('');
  const field = useId();
  const { nodeId, output } = node;
  /** Locks the buttons after an answer, until the event of the decision removes the card. An error unlocks them. */
  const [locked, setLocked] = useState(false);
  const answer = (approved: boolean): void => {
    if (locked || !controls) return;
    setLocked(true);
    void controls
      .approve({ nodeId, approved, ...(comment.trim() && { comment: comment.trim() }) })
      .then((execution) => {
        if (!execution) setLocked(false);
      });
  };
  const title = (
    <>
      Approval needed: <bdi>{nodeId}</bdi>
    </>
  );
  return (
    <Section title={title} className="ca-approval">
      {output.length > 0 && <TextPane text={output} label={`question of ${nodeId}`} />}
      {controls && (
        <>
          <label htmlFor={field}>Comment (optional)</label>
          <textarea
            id={field}
            className="ca-input"
            rows={2}
            maxLength={2000}
            value={comment}
            onChange={(event) => setComment(event.target.value)}
          />
          <div className="ca-controls">
            <button
              type="button"
              className="ca-button ca-primary"
              aria-disabled={locked || undefined}
              onClick={() => answer(true)}
            >
              Approve
            </button>
            <button
              type="button"
              className="ca-button ca-danger"
              aria-disabled={locked || undefined}
              onClick={() => answer(false)}
            >
              Reject
            </button>
          </div>
          <p className="ca-note">If you reject, the execution fails.</p>
        </>
      )}
    </Section>
  );
}
