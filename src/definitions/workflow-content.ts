import type { SavedWorkflow, SavedWorkflowSummary, SaveWorkflow } from '@cloutagent/contract';
import type { Selectable } from 'kysely';
import { canonicalJson } from '../common/canonical-json.js';
import { sha256 } from '../common/sha256.js';
import type { Schema } from '../database/schema.js';

/** A version of a saved workflow, with the aliases of all versions of its name. */
export type VersionRow = Selectable<Schema['workflow_versions']> & { aliases: Record<string, number> };

/** The columns that a list shows. */
export type SummaryRow = Omit<VersionRow, 'workflow' | 'input_schema' | 'options' | 'hash'> & {
  nodes: number;
  has_input_schema: boolean;
};

/** Returns the hash of what a version consists of. Equal content has an equal hash, whatever the order of its members. */
export const contentHash = ({ workflow, inputSchema, options, description, tags }: SaveWorkflow): Buffer =>
  sha256(
    canonicalJson({
      workflow,
      inputSchema: inputSchema ?? null,
      options: options ?? {},
      description: description ?? null,
      tags,
    }),
  );

/** Makes the item of a list. */
export const toSummary = (row: SummaryRow): SavedWorkflowSummary => ({
  projectId: row.project_id,
  name: row.name,
  version: row.version,
  description: row.description,
  tags: row.tags,
  aliases: row.aliases,
  nodes: row.nodes,
  hasInputSchema: row.has_input_schema,
  createdAt: row.created_at.toISOString(),
  createdBy: row.created_by,
});

/** Makes the SavedWorkflow of the API. */
export const toSavedWorkflow = (row: VersionRow): SavedWorkflow => ({
  ...toSummary({
    ...row,
    nodes: row.workflow.nodes.length,
    has_input_schema: row.input_schema !== null,
  }),
  workflow: row.workflow,
  inputSchema: row.input_schema,
  options: row.options,
});
