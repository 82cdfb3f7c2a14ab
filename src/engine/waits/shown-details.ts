import type { OpenWait } from '@cloutagent/contract';
import type { WaitDetails } from '../../database/schema.js';

type ShownDetails = Pick<OpenWait, 'message' | 'schema' | 'children' | 'toolName' | 'toolArgs' | 'error'>;

/** Returns what `execution:waiting` and the inbox show of a wait's details. Absent fields are left out. */
export const shownDetails = ({
  message,
  schema,
  children,
  toolName,
  toolArgs,
  error,
}: WaitDetails): ShownDetails => ({
  ...(message !== undefined && { message }),
  ...(schema && { schema }),
  ...(children && { children: { count: children.count } }),
  ...(toolName !== undefined && { toolName }),
  ...(toolArgs !== undefined && { toolArgs }),
  ...(error !== undefined && { error }),
});
