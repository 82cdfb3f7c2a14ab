import { CloutAgentError } from './error.js';

/** The bearer token: a fixed one, or one from a callback that is called again after the server has refused the token. */
export class Credential {
  private pending: Promise<string> | undefined;

  constructor(private readonly source: string | (() => string | Promise<string>) | undefined) {}

  /**
   * Returns the current token.
   * @throws CloutAgentError `token_failed`; a CloutAgentError of the callback is rethrown as it is
   */
  current(): Promise<string | undefined> {
    if (typeof this.source !== 'function') return Promise.resolve(this.source);
    return (this.pending ??= this.request(this.source));
  }

  /**
   * Discards the token that the server refused with 401. Concurrent requests with the same refused token lead to one
   * call of the callback.
   * @returns whether the callback may give another token
   */
  async refuse(refused: string | undefined): Promise<boolean> {
    if (typeof this.source !== 'function') return false;
    const { pending } = this;
    const token = await pending?.catch(() => undefined);
    if (token === refused && this.pending === pending) this.pending = undefined;
    return true;
  }

  private async request(source: () => string | Promise<string>): Promise<string> {
    try {
      // Call it in a microtask: if the callback throws synchronously, `pending` must already be set.
      return await Promise.resolve().then(source);
    } catch (error) {
      this.pending = undefined;
      if (error instanceof CloutAgentError) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new CloutAgentError('token_failed', `The token callback failed: ${why}`, { cause: error });
    }
  }
}
