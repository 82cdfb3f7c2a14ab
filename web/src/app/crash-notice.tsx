import { Component, type ReactNode } from 'react';

/** What went wrong in a page is told in its place; the rest of the dashboard goes on. */
export class CrashNotice extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };

  static getDerivedStateFromError(error: Error): { error: Error } {
    return { error };
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (!error) return this.props.children;
    return (
      <div className="notice error" role="alert">
        <strong>This page stopped working.</strong>
        <span>Load it again; if that does not help, report this: {error.message}</span>
        <span>
          <button type="button" className="button" onClick={() => location.reload()}>
            Load again
          </button>
        </span>
      </div>
    );
  }
}
