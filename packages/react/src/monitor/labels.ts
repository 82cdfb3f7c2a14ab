import type { ExecutionStatus, Step } from '@cloutagent/contract';

/** A sign beside every word, for colour alone tells nothing to many. */
export const STATUS_SIGNS: Record<ExecutionStatus | Step['status'], string> = {
  queued: '◌',
  running: '▶',
  paused: '❚❚',
  completed: '✓',
  failed: '✕',
  cancelled: '■',
  retrying: '↻',
  skipped: '–',
};
