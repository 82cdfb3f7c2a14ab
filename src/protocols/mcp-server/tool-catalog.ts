import { Injectable } from '@nestjs/common';
import type { Principal } from '../../auth/principal.js';
import { decodeKey, encodeKey } from '../../definitions/page-cursor.js';
import { ToolCatalogRepository, type ToolFilter, type ToolVersion } from './tool-catalog.repository.js';
import { toolName, workflowOf } from './tool-names.js';

const PAGE_SIZE = 100;
/** Names with a hash are searched in pages. */
const SEARCH_SIZE = 1_000;

/** A tool as `tools/list` shows it. */
export interface ListedTool {
  name: string;
  title: string;
  description: string;
  inputSchema: { type: 'object'; [keyword: string]: unknown };
  annotations: { title: string; readOnlyHint: boolean; destructiveHint: boolean; openWorldHint: boolean };
  _meta: Record<string, string>;
}

/** The saved workflows that a principal can call as tools. */
@Injectable()
export class ToolCatalog {
  constructor(private readonly repository: ToolCatalogRepository) {}

  /**
   * Lists a page of tools, by project and name.
   * @throws ValidationFailedError if the cursor is not valid
   */
  async list(
    principal: Principal,
    cursor: string | undefined,
  ): Promise<{ tools: ListedTool[]; nextCursor?: string }> {
    const [projectId, name] = cursor === undefined ? [] : decodeKey(cursor, 2);
    const after = projectId === undefined || name === undefined ? undefined : { projectId, name };
    const versions = await this.repository.list(filterOf(principal), after, PAGE_SIZE + 1);
    const page = versions.slice(0, PAGE_SIZE);
    const last = page.at(-1);
    const only = onlyProject(principal);
    return {
      tools: page.map((version) => toTool(version, only)),
      ...(last && versions.length > PAGE_SIZE && { nextCursor: encodeKey([last.projectId, last.name]) }),
    };
  }

  /** Finds the version that a call of a tool runs. Returns undefined if the principal has no such tool. */
  async find(principal: Principal, tool: string): Promise<ToolVersion | undefined> {
    const only = onlyProject(principal);
    const filter = filterOf(principal);
    const named = workflowOf(tool, only);
    if (named) return this.repository.find(filter, named.projectId, named.workflow);
    if (!/-[0-9a-f]{10}$/.test(tool)) return undefined;
    let after: ToolVersion | undefined;
    for (;;) {
      const page = await this.repository.list(filter, after, SEARCH_SIZE);
      const found = page.find(({ projectId, name }) => nameOf(projectId, name, only) === tool);
      if (found || page.length < SEARCH_SIZE) return found;
      after = page.at(-1);
    }
  }
}

/** Returns the project of a principal that has exactly one. */
function onlyProject({ projects }: Principal): string | undefined {
  return projects.length === 1 && projects[0] !== '*' ? projects[0] : undefined;
}

const filterOf = ({ projects, workflows }: Principal): ToolFilter => ({
  projectIds: projects.includes('*') ? undefined : projects,
  refs: workflows,
});

const nameOf = (projectId: string, name: string, only: string | undefined): string =>
  toolName(name, only === undefined ? projectId : undefined);

/** A tag of the workflow, such as `mcp:read-only`, says that its tool does not change anything. */
function toTool(
  { projectId, name, version, description, tags, inputSchema }: ToolVersion,
  only: string | undefined,
): ListedTool {
  const isReadOnly = tags.includes('mcp:read-only');
  return {
    name: nameOf(projectId, name, only),
    title: name,
    description: description ?? `Runs the workflow ${name} of the project ${projectId}.`,
    inputSchema: { ...inputSchema, type: 'object' },
    annotations: {
      title: name,
      readOnlyHint: isReadOnly,
      destructiveHint: !isReadOnly && !tags.includes('mcp:non-destructive'),
      openWorldHint: !tags.includes('mcp:closed-world'),
    },
    _meta: { 'cloutagent/projectId': projectId, 'cloutagent/workflowRef': `${name}@${version}` },
  };
}
