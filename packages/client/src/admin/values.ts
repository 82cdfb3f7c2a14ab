import type { Json, PutSecret, Secret, SecretList, Variable, VariableList } from '@cloutagent/contract';
import type { Http } from '../http.js';
import type { RequestOptions } from '../options.js';
import { NamedResources } from './named-resources.js';

/** Secrets of a project. No route returns the value of one. Needs the scope `secrets:manage`. */
export class SecretsApi extends NamedResources {
  /** @internal */
  constructor(http: Http) {
    super(http, 'secrets');
  }

  /** Returns the names of all secrets of a project, with their hosts and times. */
  list(projectId: string, options?: RequestOptions): Promise<SecretList> {
    return this.call([], { ...options, query: { projectId } });
  }

  get(projectId: string, name: string, options?: RequestOptions): Promise<Secret> {
    return this.call([projectId, name], { ...options });
  }

  /** Sets a secret. Executions that wait use the new value when they continue. */
  set(
    projectId: string,
    name: string,
    secret: Pick<PutSecret, 'value'> & { allowedHosts?: readonly string[] | null | undefined },
    options?: RequestOptions,
  ): Promise<Secret> {
    return this.call([projectId, name], { ...options, method: 'PUT', body: secret });
  }
}

/**
 * Variables of a project: plain values that workflows read as `{{vars.NAME}}`. Needs `workflows:read`, and `workflows:write`
 * for changes.
 */
export class VariablesApi extends NamedResources {
  /** @internal */
  constructor(http: Http) {
    super(http, 'variables');
  }

  /** Returns all variables of a project with their values. */
  list(projectId: string, options?: RequestOptions): Promise<VariableList> {
    return this.call([], { ...options, query: { projectId } });
  }

  get(projectId: string, name: string, options?: RequestOptions): Promise<Variable> {
    return this.call([projectId, name], { ...options });
  }

  set(projectId: string, name: string, value: Json, options?: RequestOptions): Promise<Variable> {
    return this.call([projectId, name], { ...options, method: 'PUT', body: { value } });
  }
}
