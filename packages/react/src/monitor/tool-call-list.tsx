import { memo, type ReactNode } from 'react';
import type { ListView } from '../store/list-log.js';
import type { ToolCall } from '../store/snapshot.js';
import { Disclosure } from './disclosure.js';
import { formatDuration } from './format.js';
import { JsonPane } from './json-pane.js';
import { Section } from './section.js';
import { TailList } from './tail-list.js';
import { visibleText } from './visible-text.js';

/** Lists the tool calls of the models, with arguments and results. */
export function ToolCallList({ calls }: { calls: ListView<ToolCall> }): ReactNode {
  if (calls.length === 0) return null;
  return (
    <Section title="Tool calls">
      <TailList entries={calls} dropped={calls.dropped}>
        {(call) => <ToolCallItem key={`${call.stepId} ${call.toolId} ${call.calledAt}`} call={call} />}
      </TailList>
    </Section>
  );
}

const ToolCallItem = memo(function ToolCallItem({ call }: { call: ToolCall }): ReactNode {
  const { toolName, nodeId, toolArgs, result } = call;
  return (
    <li className="ca-tool" data-status={stateOf(call)}>
      <Disclosure
        summary={
          <>
            <bdi className="ca-step-name">{visibleText(toolName)}</bdi>{' '}
            <span className="ca-note">
              <bdi>{nodeId}</bdi>, {describeState(call)}
            </span>
          </>
        }
      >
        {() => (
          <>
            <p className="ca-note">Arguments</p>
            <JsonPane value={toolArgs} label={`arguments of ${visibleText(toolName)}`} />
            {result !== undefined && (
              <>
                <p className="ca-note">{call.isError ? 'Error' : 'Result'}</p>
                <JsonPane value={result} label={`result of ${visibleText(toolName)}`} />
              </>
            )}
          </>
        )}
      </Disclosure>
    </li>
  );
});

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
