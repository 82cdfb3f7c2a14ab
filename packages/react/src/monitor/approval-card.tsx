import { type ReactNode, useId, useState } from 'react';
import type { NodeView } from '../store/snapshot.js';
import type { ExecutionControls } from '../use-execution-controls.js';
import { Section } from './section.js';
import { TextPane } from './text-pane.js';

interface ApprovalCardProps {
  node: NodeView;
  /** Left out: it is shown but cannot be answered here. */
  controls?: ExecutionControls | undefined;
}

/** A node that waits for a person's yes or no. */
export function ApprovalCard({ node, controls }: ApprovalCardProps): ReactNode {
  const [comment, setComment] = useState('');
  const field = useId();
  const { nodeId, output } = node;
  /** Until the event that ends the wait, with which the card goes; a refusal unlocks it. */
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
      {output.length > 0 && <TextPane text={output} label={`what ${nodeId} asks`} />}
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
          <p className="ca-note">Rejecting ends the execution as failed.</p>
        </>
      )}
    </Section>
  );
}
