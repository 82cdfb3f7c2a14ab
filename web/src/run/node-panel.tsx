import {
  type Branch,
  decisionOf,
  type ExecutionSnapshot,
  incompleteText,
  type NameOf,
  type NodeView,
  visibleText,
  withNames,
} from '@cloutagent/react';
import type { WorkflowOutline } from '@cloutagent/contract';
import { separateFiles } from '@cloutagent/contract/files';
import type { NodeState } from '../graph/node-state.js';
import { Link } from '../routing/link.js';
import { useEscape } from '../routing/use-escape.js';
import { duration, timeOfDay } from '../ui/quantity.js';
import { PlainText } from '../ui/plain-text.js';
import { StatusBadge } from '../ui/status-badge.js';
import { RerunButton } from './rerun-button.js';

interface Props {
  node: WorkflowOutline['nodes'][number];
  state: NodeState | undefined;
  view: NodeView | undefined;
  steps: ExecutionSnapshot['steps'];
  /** Status of the execution. */
  status: ExecutionSnapshot['status'];
  /** The decision on the node's edges. */
  branch: Branch | undefined;
  /** Returns an edge in words, by the name that the decision uses. */
  describeEdge: (name: string) => string;
  /** The execution that can be run again from this node; undefined if it cannot. */
  rerun: string | undefined;
  nameOf: NameOf;
  onClose: () => void;
}

/** Shows the steps and the output of one node. */
export function NodePanel(props: Props) {
  const { node, state, view, steps, status, branch, describeEdge, rerun, nameOf, onClose } = props;
  useEscape(onClose);
  const result = view?.step?.output;
  const decision = node.type === 'approval' ? decisionOf(result, nameOf) : undefined;
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
        <p className="muted">{explainNotStarted(status)}</p>
      ) : (
        <ol className="node-steps">
          {steps.map((step) => (
            <li key={step.stepId} className="row">
              <StatusBadge status={step.status} />
              {step.status === 'skipped' && <span className="muted">no edge to this node was taken</span>}
              {step.reusedFrom !== undefined && (
                <span>
                  kept from <Link to={`/executions/${step.reusedFrom}`}>{step.reusedFrom.slice(-8)}</Link>
                </span>
              )}
              <span className="numeric muted">
                attempt {step.attempt}, {timeOfDay(step.startedAt)}
                {step.duration !== undefined && `, ${duration(step.duration)}`}
              </span>
              {step.continues !== undefined && <span className="muted">continues earlier work</span>}
              {step.keptThrough !== undefined && <span className="muted">its finished work is kept</span>}
              <IncompleteNote step={step} />
              {step.error !== undefined && (
                <PlainText text={withNames(step.error, nameOf)} className="node-error" />
              )}
            </li>
          ))}
        </ol>
      )}
      {branch && <BranchText branch={branch} describeEdge={describeEdge} />}
      {rerun !== undefined && steps.length > 0 && (
        <RerunButton executionId={rerun} from={[node.id]} label="Re-run from this node" />
      )}
      {result === undefined && view && view.output.length > 0 && (
        <PartialOutput output={view.output} running={view.step?.status === 'running'} />
      )}
      {decision !== undefined && <PlainText text={decision} />}
      {decision === undefined && result !== undefined && (
        <OutputText
          title="Output"
          text={typeof result === 'string' ? result : JSON.stringify(separateFiles(result).value, null, 2)}
        />
      )}
    </section>
  );
}

function IncompleteNote({ step }: { step: ExecutionSnapshot['steps'][number] }) {
  const text = incompleteText(step);
  return text === undefined ? null : <PlainText text={text} className="node-warning" />;
}

function BranchText({ branch, describeEdge }: { branch: Branch; describeEdge: Props['describeEdge'] }) {
  const taken = branch.taken.map(describeEdge);
  const notTaken = branch.notTaken.map(describeEdge);
  return (
    <p className="node-branch">
      <span className="label">Edges</span>{' '}
      <PlainText
        text={[
          taken.length > 0 ? `taken: ${taken.join(', ')}` : 'none taken',
          notTaken.length > 0 && `not taken: ${notTaken.join(', ')}`,
        ]
          .filter(Boolean)
          .join('; ')}
      />
    </p>
  );
}

function explainNotStarted(status: ExecutionSnapshot['status']): string {
  switch (status) {
    case 'failed':
      return 'This node did not start because the execution failed first.';
    case 'cancelled':
      return 'This node did not start because the execution was cancelled first.';
    case 'completed':
      return 'This node did not start.';
    default:
      return 'This node starts when the nodes before it have completed.';
  }
}

/** Shows a part of an output that has no result. The monitor shows all of it. */
function PartialOutput({ output, running }: { output: NodeView['output']; running: boolean }) {
  return running ? (
    <OutputText title="Latest output" text={output.segment(output.segmentCount - 1)} />
  ) : (
    <OutputText title="Partial output" text={output.segment(0)} />
  );
}

/** Characters of the output that are shown. */
const MAX_LENGTH = 10_000;

/** Shows output as text only. */
function OutputText({ title, text }: { title: string; text: string }) {
  return (
    <div>
      <span className="label">{title}</span>
      <pre className="node-output" tabIndex={0} aria-label={title}>
        {visibleText(text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text)}
      </pre>
    </div>
  );
}
