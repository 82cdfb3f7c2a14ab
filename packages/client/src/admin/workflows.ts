import type {
  SavedWorkflow,
  SavedWorkflowPage,
  SaveWorkflowInput,
  WorkflowAlias,
  WorkflowDiff,
  WorkflowVersionPage,
} from '@cloutagent/contract';
import type { Http } from '../http.js';
import type { RequestOptions } from '../options.js';
import { NamedResources } from './named-resources.js';

export interface PageQuery {
  /** 1 … 100; default 20. */
  limit?: number | undefined;
  /** `nextCursor` of the previous page. */
  cursor?: string | undefined;
}

export interface ListWorkflowsQuery extends PageQuery {
  projectId?: string | undefined;
  tag?: string | undefined;
}

export interface SaveWorkflowOptions extends RequestOptions {
  /**
   * The version that you have changed. Fails with `precondition_failed` if another one was saved since. `'none'` saves only
   * a new name.
   */
  ifMatch?: number | 'none' | undefined;
}

/** Saved workflows with their versions and aliases. Needs `workflows:read`, and `workflows:write` for changes. */
export class WorkflowsApi extends NamedResources {
  /** @internal */
  constructor(http: Http) {
    super(http, 'workflows');
  }

  /** Returns a page of saved workflows, each with its newest version. */
  list(query: ListWorkflowsQuery = {}, options?: RequestOptions): Promise<SavedWorkflowPage> {
    return this.call([], { ...options, query: { ...query } });
  }

  /** Returns a version: by its number, by an alias, or the newest. */
  get(
    projectId: string,
    name: string,
    { version, ...options }: { version?: number | string | undefined } & RequestOptions = {},
  ): Promise<SavedWorkflow> {
    return this.call([projectId, name], { ...options, query: { version } });
  }

  /** Saves a workflow as the next version. Content that equals the newest version changes nothing and returns it. */
  save(
    projectId: string,
    name: string,
    content: SaveWorkflowInput,
    { ifMatch, ...options }: SaveWorkflowOptions = {},
  ): Promise<SavedWorkflow> {
    const headers: Record<string, string> = {};
    if (ifMatch === 'none') headers['if-none-match'] = '*';
    else if (ifMatch !== undefined) headers['if-match'] = `"${ifMatch}"`;
    return this.call([projectId, name], { ...options, method: 'PUT', body: content, headers });
  }

  /** Returns a page of the versions of a workflow, newest first. */
  versions(
    projectId: string,
    name: string,
    query: PageQuery = {},
    options?: RequestOptions,
  ): Promise<WorkflowVersionPage> {
    return this.call([projectId, name, 'versions'], { ...options, query: { ...query } });
  }

  /** Deletes one version. Fails while an alias points to it. */
  deleteVersion(projectId: string, name: string, version: number, options?: RequestOptions): Promise<void> {
    return this.call([projectId, name, 'versions', version], { ...options, method: 'DELETE' });
  }

  /** Returns the differences of two versions. Nodes and edges are compared by id. */
  diff(
    projectId: string,
    name: string,
    { from, to }: { from: number; to: number },
    options?: RequestOptions,
  ): Promise<WorkflowDiff> {
    return this.call([projectId, name, 'diff'], { ...options, query: { from, to } });
  }

  /** Points an alias, such as `production`, to a version. */
  setAlias(
    projectId: string,
    name: string,
    alias: string,
    version: number,
    options?: RequestOptions,
  ): Promise<WorkflowAlias> {
    return this.call([projectId, name, 'aliases', alias], { ...options, method: 'PUT', body: { version } });
  }

  deleteAlias(projectId: string, name: string, alias: string, options?: RequestOptions): Promise<void> {
    return this.call([projectId, name, 'aliases', alias], { ...options, method: 'DELETE' });
  }
}
