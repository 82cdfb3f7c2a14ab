import type { OpenWait } from '@cloutagent/contract';
import { memo, type ReactNode } from 'react';
import type { ListView } from '../store/list-log.js';
import type { ToolCall } from '../store/snapshot.js';
import { Disclosure } from './disclosure.js';
import { formatDuration } from './format.js';
import { JsonPane } from './json-pane.js';
import { Section } from './section.js';
import { TailList } from './tail-list.js';
import { visibleText } from './visible-text.js';

interface ToolCallListProps {
  calls: ListView<ToolCall>;
  waits: readonly OpenWait[];
}

/** Lists the tool calls of the models, with arguments and results. */
export function ToolCallList({ calls, waits }: ToolCallListProps): ReactNode {
  if (calls.length === 0) return null;
  const asked = waits.filter(({ kind }) => kind === 'tool');
  return (
    <Section title="Tool calls">
      <TailList entries={calls} dropped={calls.dropped}>
        {(call) => (
          <ToolCallItem
            key={`${call.stepId} ${call.toolId} ${call.calledAt}`}
            call={call}
            needsApproval={
              asked.length > 0 && stateOf(call) === 'running' && asked.some((wait) => isFor(wait, call))
            }
          />
        )}
      </TailList>
    </Section>
  );
}

/** Whether a wait asks for this call. A wait has no id of the call, so calls with the same arguments look the same. */
const isFor = ({ nodeId, toolName, toolArgs }: OpenWait, call: ToolCall): boolean =>
  nodeId === call.nodeId &&
  toolName === call.toolName &&
  JSON.stringify(toolArgs) === JSON.stringify(call.toolArgs);

interface ToolCallItemProps {
  call: ToolCall;
  /** Whether a person has to approve the call before it is made. */
  needsApproval: boolean;
}

const ToolCallItem = memo(function ToolCallItem({ call, needsApproval }: ToolCallItemProps): ReactNode {
  const { toolName, nodeId, toolArgs, changedArgs, result, isError } = call;
  const name = visibleText(toolName);
  return (
    <li className="ca-tool" data-status={needsApproval ? 'waiting' : stateOf(call)}>
      <Disclosure
        summary={
          <>
            <bdi className="ca-step-name">{name}</bdi>{' '}
            <span className="ca-note">
              <bdi>{nodeId}</bdi>, {needsApproval ? 'needs approval' : describeState(call)}
              {changedArgs !== undefined && ', with changed arguments'}
            </span>
          </>
        }
      >
        {() => (
          <>
            <p className="ca-note">{changedArgs === undefined ? 'Arguments' : 'Arguments of the model'}</p>
            <JsonPane value={toolArgs} label={`arguments of ${name}`} />
            {changedArgs !== undefined && (
              <>
                <p className="ca-note">Arguments that a person has changed</p>
                <JsonPane value={changedArgs} label={`changed arguments of ${name}`} />
              </>
            )}
            {result !== undefined && (
              <>
                <p className="ca-note">{isError ? 'Error' : 'Result'}</p>
                <JsonPane value={result} label={`result of ${name}`} />
              </>
            )}
          </>
        )}
      </Disclosure>
      {isError && typeof result === 'string' && (
        <p className="ca-note ca-tool-error">
          <bdi>{visibleText(firstLine(result))}</bdi>
        </p>
      )}
    </li>
  );
});

const MAX_LINE_LENGTH = 200;

/** An error says whether the tool failed, a person denied the call, or its effect is not known. */
function firstLine(text: string): string {
  const line =
    text
      .trim()
      .slice(0, MAX_LINE_LENGTH + 1)
      .split('\n', 1)[0] ?? '';
  return line.length > MAX_LINE_LENGTH ? `${line.slice(0, MAX_LINE_LENGTH)}…` : line;
}

function stateOf({ completedAt, isError, discarded, interrupted }: ToolCall): string {
  if (discarded) return 'retrying';
  if (interrupted) return 'cancelled';
  if (isError) return 'failed';
  return completedAt === undefined ? 'running' : 'completed';
}

const STATE_TEXTS: Record<string, string> = {
  retrying: 'discarded, because its attempt was retried',
  cancelled: 'interrupted',
  failed: 'failed',
  running: 'running',
  completed: 'completed',
};

function describeState(call: ToolCall): string {
  const { calledAt, completedAt } = call;
  const word = STATE_TEXTS[stateOf(call)] ?? '';
  if (completedAt === undefined) return word;
  return `${word} in ${formatDuration(Date.parse(completedAt) - Date.parse(calledAt))}`;
}
