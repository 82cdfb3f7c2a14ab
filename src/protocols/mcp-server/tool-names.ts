import { sha256 } from '../../common/sha256.js';

/** Model providers accept no longer names. */
const NAME_MAX_LENGTH = 64;
const HASH_LENGTH = 10;
const SEPARATOR = '__';

/**
 * Names the tool of a saved workflow with 1 to 64 letters, digits, `_` and `-`, which all model providers accept.
 * - A credential of one project: the workflow's name, such as `compare`.
 * - Any other: the project too, such as `demo__compare`.
 *
 * A name that has other characters, that is too long or that two workflows could share ends with a hash. So a name always
 * means the same workflow, whatever else is saved.
 */
export function toolName(workflow: string, projectId: string | undefined): string {
  const plain = projectId === undefined ? workflow : projectId + SEPARATOR + workflow;
  if (isExact(workflow, projectId) && plain.length <= NAME_MAX_LENGTH) return plain;
  const hash = sha256(JSON.stringify([projectId, workflow]))
    .toString('hex')
    .slice(0, HASH_LENGTH);
  const start = plain.replaceAll(/[^A-Za-z0-9_-]/g, '_').slice(0, NAME_MAX_LENGTH - HASH_LENGTH - 1);
  return `${start}-${hash}`;
}

/** Whether the name alone says which project and workflow it is. */
function isExact(workflow: string, projectId: string | undefined): boolean {
  const parts = projectId === undefined ? [workflow] : [projectId, workflow];
  return parts.every(
    (part) =>
      /^[A-Za-z0-9_-]+$/.test(part) &&
      (projectId === undefined || !(part.includes(SEPARATOR) || part.endsWith('_'))) &&
      // The end of another name with a hash.
      !/-[0-9a-f]{10}$/.test(part),
  );
}

/** A workflow that a tool may be. */
export interface NamedWorkflow {
  projectId: string;
  workflow: string;
}

/**
 * Finds the workflow of a name without a hash.
 * @param onlyProject the project of a credential with one project
 * @returns undefined for a name with a hash: only the list of workflows says which one it is
 */
export function workflowOf(name: string, onlyProject: string | undefined): NamedWorkflow | undefined {
  if (onlyProject !== undefined)
    return toolName(name, undefined) === name ? { projectId: onlyProject, workflow: name } : undefined;
  const at = name.indexOf(SEPARATOR);
  if (at === -1) return undefined;
  const [projectId, workflow] = [name.slice(0, at), name.slice(at + SEPARATOR.length)];
  return toolName(workflow, projectId) === name ? { projectId, workflow } : undefined;
}
