import { type ExecutionSnapshot, type NodeView, visibleText } from '@cloutagent/react';
import type { WorkflowOutline } from '@cloutagent/contract';
import type { NodeState } from '../graph/node-state.js';
import { duration, timeOfDay } from '../ui/quantity.js';
import { PlainText } from '../ui/plain-text.js';
import { StatusBadge } from '../ui/status-badge.js';

interface Props {
  node: WorkflowOutline['nodes'][number];
  state: NodeState | undefined;
  view: NodeView | undefined;
  steps: ExecutionSnapshot['steps'];
  onClose: () => void;
}

/** What one node did: its steps, and its output. */
export function NodePanel({ node, state, view, steps, onClose }: Props) {
  const result = view?.step?.output;
  return (
    <section className="node-panel" aria-label={`Node ${visibleText(node.label ?? node.id)}`}>
      <div className="row node-panel-head">
        <h3>
          <PlainText text={node.label ?? node.id} />
        </h3>
        {state && <StatusBadge status={state.status} label={state.label} />}
        <span className="muted">
          <code>{node.id}</code>, {node.type}
        </span>
        <button type="button" className="button quiet" onClick={onClose}>
          Close
        </button>
      </div>
      {steps.length === 0 ? (
        <p className="muted">It starts when the nodes before it are done.</p>
      ) : (
        <ol className="node-steps">
          {steps.map((step) => (
            <li key={step.stepId} className="row">
              <StatusBadge status={step.status} />
              <span className="numeric muted">
                attempt {step.attempt}, {timeOfDay(step.startedAt)}
                {step.duration !== undefined && `, ${duration(step.duration)}`}
              </span>
              {step.error !== undefined && <PlainText text={step.error} className="node-error" />}
            </li>
          ))}
        </ol>
      )}
      {result === undefined && view && view.output.length > 0 && (
        // What is coming in; its beginning is in the monitor.
        <OutputText title="Output so far, its end" text={view.output.segment(view.output.segmentCount - 1)} />
      )}
      {result !== undefined && (
        <OutputText
          title="Output"
          text={typeof result === 'string' ? result : JSON.stringify(result, null, 2)}
        />
      )}
    </section>
  );
}

const MOST = 10_000;

/** Model output is text, whatever is in it. */
function OutputText({ title, text }: { title: string; text: string }) {
  return (
    <div>
      <span className="label">{title}</span>
      <pre className="node-output" tabIndex={0} aria-label={title}>
        {visibleText(text.length > MOST ? `${text.slice(0, MOST)}…` : text)}
      </pre>
    </div>
  );
}
