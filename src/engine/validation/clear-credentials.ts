import type { Workflow } from '@cloutagent/contract';
import { isTemplate } from '../extension/template.js';

/** A credential that is written in a workflow. */
export interface ClearCredential {
  /** In the workflow. */
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** Headers that usually carry a credential, in lower case. */
const CREDENTIAL_HEADERS =
  /^(?:(?:proxy-|x-)?authorization|cookie|(?:x-)?(?:[a-z0-9]+-)?api-?key|(?:x-)?(?:[a-z0-9]+-)?(?:auth|access|secret|private)-?(?:token|key)|x-[a-z0-9]+-token)$/;

/** Where the configs of this project's node types have headers of requests. `*` stands for each item of a list. */
const HEADERS = [['headers'], ['tools', '*', 'http', 'headers'], ['mcp', '*', 'headers']];

/**
 * Finds headers with a credential in the clear: in `http` nodes, in tools of agents, for MCP servers, and in the workflows
 * inside. The value stays readable in the stored workflow, and nothing redacts it.
 */
export function clearCredentials(workflow: Workflow): ClearCredential[] {
  return workflow.nodes.flatMap(({ data: { config } }, index) => {
    const start = ['nodes', index, 'data', 'config'];
    const inner = config['workflow'] as Workflow | undefined;
    return [
      ...HEADERS.flatMap((place) => headersAt(config, place, start)).flatMap(inTheClear),
      ...(Array.isArray(inner?.nodes)
        ? clearCredentials(inner).map((each) => ({ ...each, path: [...start, 'workflow', ...each.path] }))
        : []),
    ];
  });
}

interface Place {
  readonly headers: unknown;
  readonly path: readonly (string | number)[];
}

function headersAt(
  value: unknown,
  [next, ...rest]: readonly string[],
  path: readonly (string | number)[],
): Place[] {
  if (next === undefined) return [{ headers: value, path }];
  if (typeof value !== 'object' || value === null) return [];
  if (next === '*')
    return Array.isArray(value)
      ? value.flatMap((item: unknown, index) => headersAt(item, rest, [...path, index]))
      : [];
  if (!Object.hasOwn(value, next)) return [];
  return headersAt((value as Record<string, unknown>)[next], rest, [...path, next]);
}

function inTheClear({ headers, path }: Place): ClearCredential[] {
  if (typeof headers !== 'object' || headers === null) return [];
  return Object.entries(headers).flatMap(([name, value]) =>
    typeof value === 'string' &&
    value.trim() !== '' &&
    CREDENTIAL_HEADERS.test(name.toLowerCase()) &&
    !isTemplate(value)
      ? [
          {
            path: [...path, name],
            message: `The header ${name} seems to have a credential in the clear, which everyone can read who may read the workflow. Make it a secret, and write {{secrets.NAME}} here.`,
          },
        ]
      : [],
  );
}
