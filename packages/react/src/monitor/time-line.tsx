import type { Step } from '@cloutagent/contract';
import { memo, type ReactNode } from 'react';
import type { Branch, ExecutionSnapshot } from '../store/snapshot.js';
import { ExecutionLink } from './child-list.js';
import { incompleteText } from '../store/finish.js';
import { Disclosure } from './disclosure.js';
import { formatDuration } from './format.js';
import { JsonPane } from './json-pane.js';
import { decisionOf, useNameOf, withNames } from './names.js';
import { StatusBadge } from './status-badge.js';
import { Section } from './section.js';
import { TailList } from './tail-list.js';
import { visibleText } from './visible-text.js';

type TimeLineProps = Pick<ExecutionSnapshot, 'steps' | 'branches' | 'startedAt'> & {
  /** Right end of the time line, in ms since 1970 by the server's clock. */
  until: number;
};

/** Shows every step, in the order in which they started, with its time span. */
export function TimeLine({ steps, branches, startedAt, until }: TimeLineProps): ReactNode {
  if (steps.length === 0) return null;
  const from = Date.parse(startedAt ?? steps[0]?.startedAt ?? '');
  return (
    <Section title="Steps">
      <TailList entries={steps} className="ca-steps">
        {(step) => (
          <StepRow
            key={step.stepId}
            step={step}
            from={from}
            span={Math.max(1, until - from)}
            until={step.completedAt === undefined ? until : 0}
            branch={Object.hasOwn(branches, step.nodeId) ? branches[step.nodeId] : undefined}
          />
        )}
      </TailList>
    </Section>
  );
}

interface StepRowProps {
  step: Step;
  from: number;
  span: number;
  until: number;
  branch: Branch | undefined;
}

const StepRow = memo(function StepRow({ step, from, span, until, branch }: StepRowProps): ReactNode {
  const nameOf = useNameOf();
  const decision = step.nodeType === 'approval' ? decisionOf(step.output, nameOf) : undefined;
  const begin = Date.parse(step.startedAt);
  const end = step.completedAt ? Date.parse(step.completedAt) : Math.max(begin, until);
  const incomplete = incompleteText(step);
  const percent = (ms: number) => `${Math.min(100, Math.max(0, (ms / span) * 100))}%`;
  return (
    <li className="ca-step" data-status={step.status}>
      <div className="ca-step-head">
        <bdi className="ca-step-name">{visibleText(step.step)}</bdi>
        <span className="ca-note">
          <bdi>{step.nodeType}</bdi>
          {step.attempt > 1 && `, attempt ${step.attempt}`}
        </span>
        <StatusBadge status={step.status} />
        <span className="ca-step-time">{formatDuration(step.duration ?? end - begin)}</span>
      </div>
      <div className="ca-step-track" aria-hidden="true">
        <div
          className="ca-step-bar"
          style={{ insetInlineStart: percent(begin - from), inlineSize: percent(end - begin) }}
        />
      </div>
      {step.error !== undefined && (
        <p className="ca-error">
          <bdi>{visibleText(withNames(step.error, nameOf))}</bdi>
        </p>
      )}
      {incomplete !== undefined && (
        <p className="ca-warning">
          <bdi>{visibleText(incomplete)}</bdi>
        </p>
      )}
      {step.continues !== undefined && (
        <p className="ca-note">Continues the finished work of an earlier attempt</p>
      )}
      {step.keptThrough !== undefined && <p className="ca-note">The finished part of its work is kept</p>}
      {step.reusedFrom !== undefined && (
        <p className="ca-note">
          Kept from <ExecutionLink executionId={step.reusedFrom} />
        </p>
      )}
      {branch && (step.status === 'completed' || step.status === 'failed') && (
        <p className="ca-note ca-branch">
          <bdi>{visibleText(describeBranch(branch))}</bdi>
        </p>
      )}
      {decision !== undefined && (
        <p className="ca-note">
          <bdi>{visibleText(decision)}</bdi>
        </p>
      )}
      {decision === undefined && typeof step.output === 'object' && step.output !== null && (
        <Disclosure summary="Result">
          {() => <JsonPane value={step.output ?? null} label={`result of ${step.nodeId}`} />}
        </Disclosure>
      )}
    </li>
  );
});

function describeBranch({ taken, notTaken }: Branch): string {
  const parts = [
    taken.length > 0 && `Taken: ${taken.join(', ')}.`,
    notTaken.length > 0 && `Not taken: ${notTaken.join(', ')}.`,
  ];
  return parts.filter(Boolean).join(' ');
}
