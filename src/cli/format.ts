import type {
  Execution,
  ExecutionStatus,
  ExecutionSummary,
  Json,
  OpenWait,
  Step,
} from '@cloutagent/contract';
import { separateFiles } from '@cloutagent/contract/files';
import type { Terminal } from './terminal.js';

const COLOURS: Record<ExecutionStatus, 'gray' | 'blue' | 'cyan' | 'yellow' | 'green' | 'red'> = {
  queued: 'gray',
  running: 'blue',
  waiting: 'cyan',
  paused: 'yellow',
  completed: 'green',
  failed: 'red',
  cancelled: 'yellow',
};

export const statusText = (terminal: Terminal, status: ExecutionStatus): string =>
  terminal.style(COLOURS[status], status);

/** Formats a duration, given in ms. */
export function durationText(ms: number | undefined): string {
  if (ms === undefined) return '';
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  return seconds < 3_600
    ? `${Math.floor(seconds / 60)} min ${seconds % 60} s`
    : `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`;
}

/** Formats a cost. null means that the price of a model is not known. */
export const costText = (usd: number | null): string =>
  usd === null ? 'cost unknown' : `$${usd.toFixed(4)}`;

export const tokensText = (total: number): string => `${total.toLocaleString('en-US')} tokens`;

/** Formats what an execution has used. */
export const usageText = ({ tokenUsage, costUSD }: Pick<Execution, 'tokenUsage' | 'costUSD'>): string =>
  tokenUsage.total === 0 ? '' : `${tokensText(tokenUsage.total)}, ${costText(costUSD)}`;

/** Says that the last answer of a step is not whole; empty if it is. */
export function incompleteText({
  incomplete,
  finishReason,
}: Pick<Step, 'incomplete' | 'finishReason'>): string {
  if (!incomplete) return '';
  return finishReason === 'length' || finishReason === 'content-filter'
    ? `the last answer was cut off: ${finishReason}`
    : 'the last answer may not be whole, and some of its tokens may not be counted';
}

/** Longest value that is shown, in characters. */
const MAX_VALUE_LENGTH = 200;

/** Formats a value on one line. Files are shown by type and size. */
export function shortened(value: Json): string {
  const text = JSON.stringify(separateFiles(value).value);
  return text.length > MAX_VALUE_LENGTH ? `${text.slice(0, MAX_VALUE_LENGTH)}…` : text;
}

/** Joins the parts that are not empty. */
export const joined = (...parts: string[]): string => parts.filter(Boolean).join(' · ');

export const rowOf = (execution: ExecutionSummary): string[] => [
  execution.id,
  execution.status,
  execution.projectId,
  execution.createdAt.slice(0, 19).replace('T', ' '),
  durationText(execution.duration),
  String(execution.tokenUsage.total),
  `${execution.progress.completedSteps}/${execution.progress.totalSteps}`,
  execution.inputPreview.slice(0, 40),
];

/** Describes in a few words what a wait waits for. */
export function waitText({
  kind,
  message,
  signal,
  toolName,
  toolArgs,
  error,
  children,
}: Pick<OpenWait, 'kind' | 'message' | 'signal' | 'toolName' | 'toolArgs' | 'error' | 'children'>): string {
  switch (kind) {
    case 'approval':
      return message ?? 'an approval';
    case 'signal':
      return joined(`signal ${signal ?? ''}`, message ?? '');
    case 'tool':
      return joined(
        `approval of the tool ${toolName ?? ''}(${toolArgs === undefined ? '' : shortened(toolArgs)})`,
        message ?? '',
      );
    case 'failure':
      return `a decision: ${error ?? 'the node failed'}`;
    case 'children':
      return children
        ? `${children.count} child execution${children.count === 1 ? '' : 's'}`
        : 'child executions';
    case 'timer':
      return 'a time';
  }
}
