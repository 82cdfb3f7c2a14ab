import type { ExecutionStatus, Step } from '@cloutagent/contract';

/** A sign next to each status, because not everyone can tell the colours apart. */
export const STATUS_SIGNS: Record<ExecutionStatus | Step['status'], string> = {
  queued: '◌',
  running: '▶',
  waiting: '◔',
  paused: '❚❚',
  completed: '✓',
  failed: '✕',
  cancelled: '■',
  retrying: '↻',
  skipped: '–',
};
