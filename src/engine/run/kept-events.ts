import type { EventDraft, Workflow } from '@cloutagent/contract';
import type { KeptWork } from '../../database/schema.js';

/** Makes the events of the work that a re-run keeps. */
export function keptEvents(_kept: KeptWork, _workflow: Workflow): EventDraft[] {
  return [];
}
