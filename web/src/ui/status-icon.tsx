const PATHS: Record<string, string> = {
  queued: 'M6 3.2V6l1.9 1.2',
  running: 'M4.7 3.6 8.3 6 4.7 8.4Z',
  paused: 'M4.6 4v4M7.4 4v4',
  completed: 'M3.7 6.2 5.3 7.8 8.4 4.4',
  failed: 'M4.2 4.2l3.6 3.6M7.8 4.2 4.2 7.8',
  cancelled: 'M4 6h4',
  retrying: 'M8.2 5A2.4 2.4 0 1 0 8.3 7M8.4 3.4V5H6.8',
  skipped: 'M4 4l2 2-2 2M7 4l2 2-2 2',
  idle: 'M6 6h.01',
  waiting: 'M4.4 3.4h3.2L6 6l1.6 2.6H4.4L6 6Z',
  approval: 'M6 3.4v3.2M6 8.5h.01',
};

/** The icon of a status. Each has its own shape, because not everyone can tell the colours apart. */
export function StatusIcon({ status, size = 12 }: { status: string; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 12 12" fill="none" stroke="currentColor" aria-hidden="true">
      <circle
        cx="6"
        cy="6"
        r="5.2"
        strokeWidth="1.2"
        strokeDasharray={status === 'idle' ? '2 1.6' : undefined}
      />
      <path d={PATHS[status] ?? ''} strokeWidth="1.4" strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  );
}
