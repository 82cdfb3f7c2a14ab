import type { AnswerWait, CloutAgentError } from '@cloutagent/client';
import type { OpenWait } from '@cloutagent/contract';
import { type ReactNode, useState } from 'react';
import { Countdown } from './countdown.js';
import { formatCounted } from './format.js';
import { JsonPane } from './json-pane.js';
import { type NameOf, withNames } from './names.js';
import { Section } from './section.js';
import { visibleText } from './visible-text.js';
import { ApprovalForm } from './wait-forms/approval-form.js';
import { FailureForm } from './wait-forms/failure-form.js';
import { SignalForm } from './wait-forms/signal-form.js';
import { ToolForm } from './wait-forms/tool-form.js';
import type { WaitFormProps } from './wait-forms/wait-form-props.js';

export interface WaitCardProps {
  wait: OpenWait;
  /**
   * Answers the wait. Resolves to true when the server has accepted the answer; the card then keeps its buttons locked
   * until the wait has ended. Without it the card is read-only.
   */
  answer?: ((answer: AnswerWait) => Promise<boolean>) | undefined;
  /** Why the last answer failed. Problems with a path are shown at their fields. */
  error?: CloutAgentError | undefined;
  /** Server clock minus local clock, in ms. Default 0. */
  clockOffset?: number | undefined;
  /** Returns the name of a principal. Principals without a name are shown by id. */
  nameOf?: NameOf | undefined;
  /** Shown below the question, for example a link to the child executions. */
  children?: ReactNode;
}

const FORMS: Partial<Record<OpenWait['kind'], (props: WaitFormProps) => ReactNode>> = {
  approval: ApprovalForm,
  signal: SignalForm,
  tool: ToolForm,
  failure: FailureForm,
};

/** Shows what a node waits for, and the form to answer it. */
export function WaitCard(props: WaitCardProps): ReactNode {
  const { wait, answer, error, clockOffset = 0, nameOf = () => undefined, children } = props;
  const { kind, nodeId, message, until, assignees, toolName } = wait;
  /** Locks the form after an answer, until the event of the wait's end removes the card. An error unlocks it. */
  const [sent, setSent] = useState<'no' | 'sending' | 'accepted'>('no');
  const locked = sent !== 'no';
  const send = (given: AnswerWait): void => {
    if (locked || !answer) return;
    setSent('sending');
    void answer(given).then((accepted) => setSent(accepted ? 'accepted' : 'no'));
  };
  const Form = answer && FORMS[kind];
  return (
    <Section
      title={
        <>
          {TITLES[kind]}: <bdi>{nodeId}</bdi>
          {kind === 'tool' && toolName !== undefined && (
            <>
              {', '}
              <bdi>{visibleText(toolName)}</bdi>
            </>
          )}
        </>
      }
      className={`ca-wait ca-wait-${kind}`}
      aside={
        until !== undefined && (
          <Countdown
            until={until}
            clockOffset={clockOffset}
            {...(kind === 'timer'
              ? { label: 'Continues in', passed: 'Continues now' }
              : { label: 'Expires in', passed: 'Expires now' })}
          />
        )
      }
    >
      {message !== undefined && message !== '' && (
        <p className="ca-question">
          <bdi>{visibleText(message)}</bdi>
        </p>
      )}
      <Details wait={wait} />
      {assignees && assignees.length > 0 && (
        <p className="ca-note">
          For <bdi>{visibleText(assignees.map((id) => nameOf(id) ?? withNames(id, nameOf)).join(', '))}</bdi>
        </p>
      )}
      {children}
      {Form && <Form wait={wait} error={error} locked={locked} send={send} />}
      <p className={sent === 'accepted' ? 'ca-note' : 'ca-visually-hidden'} role="status">
        {sent === 'accepted' && 'The answer is recorded. The node continues with it.'}
      </p>
      {error && (
        <p className="ca-error" role="alert">
          <bdi>{visibleText(error.message)}</bdi>
        </p>
      )}
    </Section>
  );
}

const TITLES: Record<OpenWait['kind'], string> = {
  approval: 'Approval needed',
  signal: 'Waiting for a signal',
  timer: 'Waiting',
  children: 'Waiting for child executions',
  tool: 'Tool call needs approval',
  failure: 'Failed, decision needed',
};

function Details({ wait }: { wait: OpenWait }): ReactNode {
  const { kind, signal, children, toolName, toolArgs, error } = wait;
  switch (kind) {
    case 'signal':
      return (
        <p className="ca-note">
          Signal <code>{visibleText(signal ?? '')}</code>
        </p>
      );
    case 'children':
      return children && <p className="ca-note">{formatCounted(children.count, 'child execution')}</p>;
    case 'tool':
      return (
        toolArgs !== undefined && (
          <>
            <p className="ca-note">Arguments</p>
            <JsonPane value={toolArgs} label={`arguments of ${visibleText(toolName ?? 'the tool')}`} />
          </>
        )
      );
    case 'failure':
      return (
        error !== undefined && (
          <p className="ca-error">
            <bdi>{visibleText(error)}</bdi>
          </p>
        )
      );
    default:
      return null;
  }
}
