import { Component, type ReactNode } from 'react';

/** Error boundary of a page: shows the error in place of the page. The rest of the dashboard keeps working. */
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
        <span>Reload it. If that does not help, report this error: {error.message}</span>
        <span>
          <button type="button" className="button" onClick={() => location.reload()}>
            Reload
          </button>
        </span>
      </div>
    );
  }
}
