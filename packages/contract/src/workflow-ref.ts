import { z } from 'zod';
import { NAME, NAME_MAX_LENGTH } from './patterns.js';

/** Name of a saved workflow. Unique in its project. */
export const WorkflowName = z
  .string()
  .min(1)
  .max(NAME_MAX_LENGTH)
  .regex(NAME, 'a name may contain letters, digits and . _ : - and must start with a letter or digit')
  .meta({ examples: ['compare'] });

/** Number of a version of a saved workflow. A number is never used twice for the same name, not even after a deletion. */
export const WorkflowVersionNumber = z.int().min(1).max(2_147_483_647);

/** Name of an alias, which points to a version. It begins with a letter, so that it cannot be the number of a version. */
export const AliasName = z
  .string()
  .min(1)
  .max(64)
  .regex(
    /^[A-Za-z][A-Za-z0-9._-]*$/,
    'the name of an alias may contain letters, digits and . _ - and must start with a letter',
  )
  .meta({ examples: ['production'] });

const REF = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}(?:@(?:[1-9][0-9]{0,9}|[A-Za-z][A-Za-z0-9._-]{0,63}))?$/;

/** Names a saved workflow: `name` for its newest version, `name@3`, or `name@production`. */
export const WorkflowRef = z
  .string()
  .regex(
    REF,
    'must be the name of a saved workflow, alone or with a version or an alias: name, name@3 or name@production',
  )
  .meta({ examples: ['compare@production'] });

/** A version of a saved workflow, as an execution names it. */
export const WorkflowVersionRef = z
  .object({ name: WorkflowName, version: WorkflowVersionNumber })
  .meta({ id: 'WorkflowVersionRef' });
export type WorkflowVersionRef = z.infer<typeof WorkflowVersionRef>;
