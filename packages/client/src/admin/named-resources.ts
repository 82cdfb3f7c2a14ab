import type { Call, Http } from '../http.js';
import type { RequestOptions } from '../options.js';

/** The named things of one kind in the projects of the caller, at `/api/<kind>/:projectId/:name`. */
export abstract class NamedResources {
  /** @internal */
  constructor(
    private readonly http: Http,
    private readonly kind: string,
  ) {}

  /** Deletes it. Throws `not_found` if there is none. */
  delete(projectId: string, name: string, options?: RequestOptions): Promise<void> {
    return this.call([projectId, name], { ...options, method: 'DELETE' });
  }

  /** @param path segments after the kind, as they are; they are encoded here */
  protected call<T>(path: readonly (string | number)[], call: Call): Promise<T> {
    return this.http.json(`/api/${[this.kind, ...path].map(encodeURIComponent).join('/')}`, call);
  }
}
