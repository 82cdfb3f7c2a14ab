import type { OpenWait } from '@cloutagent/contract';
import { isDeepStrictEqual } from 'node:util';
import type { AgUiInterrupt } from './ag-ui-events.js';
import type { AgUiState } from './ag-ui-state.js';
import { INTERRUPT_KINDS } from './pending-work.js';

const TEXT = { type: 'string' };

/**
 * Returns the id of an interrupt: that of the wait, with the number of the run from the second one on. If a wait stays open over
 * several runs, the answer of a client so says which of them it has seen.
 */
const interruptId = (waitId: string, run: number): string => (run === 1 ? waitId : `${waitId}.${run}`);

/** Returns the id of the wait of an interrupt. */
export const waitOfInterrupt = (id: string): string => id.split('.')[0]!;

/** Returns the questions to the client: the open waits that it can end, in the order in which they began. */
export function interruptsOf(state: AgUiState): AgUiInterrupt[] {
  const taken = new Set<string>();
  return state.waits
    .filter(({ kind }) => INTERRUPT_KINDS.includes(kind))
    .map((wait) => {
      const toolCallId = wait.kind === 'tool' ? callOf(state, wait, taken) : undefined;
      if (toolCallId !== undefined) taken.add(toolCallId);
      const step = state.steps[wait.stepId];
      const { waitId, kind, nodeId, stepId, message, until, assignees, signal, toolName, toolArgs } = wait;
      return {
        id: interruptId(waitId, state.runs),
        reason: reasonOf(wait, toolCallId),
        ...messageOf(wait, message),
        ...(toolCallId !== undefined && { toolCallId }),
        responseSchema: responseSchemaOf(wait),
        ...(until !== undefined && { expiresAt: until }),
        metadata: {
          waitId,
          kind,
          nodeId,
          stepId,
          ...(signal !== undefined && { signal }),
          ...(assignees && { assignees }),
          ...(toolName !== undefined && { toolName, toolArgs }),
        },
        ...(step?.nodeType === 'subagent' && { subagentRunId: stepId }),
      };
    });
}

function reasonOf({ kind }: OpenWait, toolCallId: string | undefined): string {
  if (kind === 'tool') return toolCallId === undefined ? 'confirmation' : 'tool_call';
  if (kind === 'approval') return 'confirmation';
  return kind === 'signal' ? 'input_required' : 'cloutagent:failure';
}

function messageOf(wait: OpenWait, message: string | undefined): { message: string } {
  if (message !== undefined) return { message };
  switch (wait.kind) {
    case 'tool':
      return { message: `May the agent call the tool ${wait.toolName ?? ''}?` };
    case 'signal':
      return { message: `The workflow waits for the signal ${wait.signal ?? ''}.` };
    case 'failure':
      return { message: `The node ${wait.nodeId} has failed: ${wait.error ?? ''}` };
    default:
      return { message: `The node ${wait.nodeId} waits for an approval.` };
  }
}

/** The shape of the payload that answers a wait. Extended forms are read as well; see `answerOf`. */
function responseSchemaOf({ kind, schema }: OpenWait): object {
  switch (kind) {
    case 'approval':
      return {
        type: 'object',
        properties: { approved: { type: 'boolean' }, comment: TEXT, ...(schema && { values: schema }) },
        required: ['approved'],
      };
    case 'tool':
      return {
        type: 'object',
        properties: {
          approved: { type: 'boolean' },
          editedArgs: { type: 'object', description: 'Replaces the arguments of the call.' },
          reason: TEXT,
        },
        required: ['approved'],
      };
    case 'signal':
      return schema ?? {};
    default:
      return {
        type: 'object',
        properties: {
          action: { enum: ['retry', 'fail', 'output'] },
          output: { description: 'The output of the node. Only with the action output.' },
          reason: TEXT,
        },
        required: ['action'],
      };
  }
}

/** Finds the call for which a wait stands: the event of the wait has its tool and its arguments. */
function callOf(
  { calls }: AgUiState,
  { nodeId, toolName, toolArgs }: OpenWait,
  taken: ReadonlySet<string>,
): string | undefined {
  const open = calls.filter(
    (call) => call.nodeId === nodeId && call.toolName === toolName && !taken.has(call.id),
  );
  return (open.find(({ args }) => isDeepStrictEqual(args, toolArgs)) ?? open[0])?.id;
}
