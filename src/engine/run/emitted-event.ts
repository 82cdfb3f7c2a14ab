import { CustomEventName, type EventDraft, type Json } from '@cloutagent/contract';
import { NodeError, type NodeEvent } from '../extension/node-handler.js';
import type { OutputBudget } from './output-budget.js';

/** The ids that the engine adds to each event of a node. */
export interface EventIds {
  readonly stepId: string;
  readonly nodeId: string;
}

/**
 * Checks an event that a node emitted and makes the draft of it. Only the known fields are kept, so that a module cannot
 * replace a field of the engine.
 * @throws NodeError `invalid_event`, `output_not_json`, `output_too_deep`, `output_too_large`
 */
export function emittedEvent(event: NodeEvent, ids: EventIds, budget: OutputBudget): EventDraft {
  const type: unknown = event?.type;
  switch (event?.type) {
    case 'execution:output':
    case 'execution:thinking':
      checkString(event, 'chunk');
      budget.checkText(event.chunk);
      return { type: event.type, fields: { chunk: event.chunk, ...ids } };
    case 'execution:tool-call': {
      const { toolId, toolName, toolArgs } = event;
      checkString(event, 'toolId');
      checkString(event, 'toolName');
      budget.checkJson(toolArgs, 'toolArgs');
      return { type: event.type, fields: { toolId, toolName, toolArgs, ...ids } };
    }
    case 'execution:tool-result': {
      const { toolId, result, isError, toolArgs } = event;
      checkString(event, 'toolId');
      if (typeof isError !== 'boolean') throw invalid(event.type, 'isError must be true or false');
      budget.checkJson(result, 'result');
      if (toolArgs !== undefined) budget.checkJson(toolArgs, 'toolArgs');
      const changed = toolArgs !== undefined && { toolArgs };
      return { type: event.type, fields: { toolId, result, isError, ...changed, ...ids } };
    }
    case 'execution:custom': {
      const { name } = event;
      const problem = CustomEventName.safeParse(name).error?.issues[0];
      if (problem) throw invalid(event.type, `name: ${problem.message}`);
      const value: Json = budget.checkValue(event.value);
      return { type: event.type, fields: { name, value, ...ids } };
    }
    default:
      throw invalid(
        typeof type === 'string' ? type : 'unknown type',
        "a node cannot emit it; use execution:custom for a module's own events",
      );
  }
}

function checkString<Key extends string>(event: { type: string } & Record<Key, string>, key: Key): void {
  if (typeof event[key] !== 'string') throw invalid(event.type, `${key} must be a string`);
}

const invalid = (type: string, problem: string): NodeError =>
  new NodeError('invalid_event', `The node emitted an event that is not valid: ${type}: ${problem}.`);
