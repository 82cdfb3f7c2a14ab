import type { Execution, ExecutionStatus, ExecutionSummary, OpenWait } from '@cloutagent/contract';
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
  error,
  children,
}: Pick<OpenWait, 'kind' | 'message' | 'signal' | 'toolName' | 'error' | 'children'>): string {
  switch (kind) {
    case 'approval':
      return message ?? 'an approval';
    case 'signal':
      return joined(`signal ${signal ?? ''}`, message ?? '');
    case 'tool':
      return `approval of the tool ${toolName ?? ''}`;
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
