import { CloutAgentError } from './error.js';

/** The bearer token: fixed, or from a callback that is asked again when the server no longer takes it. */
export class Credential {
  private pending: Promise<string> | undefined;

  constructor(private readonly source: string | (() => string | Promise<string>) | undefined) {}

  /** @throws CloutAgentError `token_failed`, or what the callback threw if that is one */
  current(): Promise<string | undefined> {
    if (typeof this.source !== 'function') return Promise.resolve(this.source);
    return (this.pending ??= this.ask(this.source));
  }

  /**
   * After a 401 for `refused`: lets go of that token. Requests that fail together cause one call of the callback.
   * @returns whether there may be another token
   */
  async refuse(refused: string | undefined): Promise<boolean> {
    if (typeof this.source !== 'function') return false;
    const { pending } = this;
    const token = await pending?.catch(() => undefined);
    if (token === refused && this.pending === pending) this.pending = undefined;
    return true;
  }

  private async ask(source: () => string | Promise<string>): Promise<string> {
    try {
      // A turn later: what throws at once must find `pending` set.
      return await Promise.resolve().then(source);
    } catch (error) {
      this.pending = undefined;
      if (error instanceof CloutAgentError) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new CloutAgentError('token_failed', `The token callback failed: ${why}`, { cause: error });
    }
  }
}
