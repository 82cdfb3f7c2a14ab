/** A recorded event, as a watcher gets it. */
export interface SeenEvent {
  type: string;
  sequence: number;
  [field: string]: unknown;
}

/** What a watcher shows of one node: the valid events of its steps, in their order. */
export interface ShownNode {
  text: string;
  thinking: string;
  /** The text after the last call of a tool. */
  finalText: string;
  toolCalls: string[];
  toolResults: string[];
  problems: string[];
}

interface KnownStep {
  events: SeenEvent[];
  continues: string | undefined;
  keptThrough: number | undefined;
  status: string;
}

const CONTENT = new Set([
  'execution:output',
  'execution:thinking',
  'execution:tool-call',
  'execution:tool-result',
]);

/**
 * Applies the rule of the protocol, without the project's reducer: a step that ends as `retrying` keeps its events up to
 * `keptThrough`, and the step with `continues` continues them. The last step of the node, with what it continues, is valid.
 */
export function accumulate(events: readonly SeenEvent[], nodeId: string): ShownNode {
  const steps = new Map<string, KnownStep>();
  const problems: string[] = [];
  let last: string | undefined;
  for (const event of events) {
    if (event['nodeId'] !== nodeId) continue;
    const stepId = event['stepId'] as string | undefined;
    if (event.type === 'execution:step') {
      const step = steps.get(stepId!) ?? {
        events: [],
        continues: undefined,
        keptThrough: undefined,
        status: '',
      };
      steps.set(stepId!, step);
      step.status = event['status'] as string;
      step.continues ??= event['continues'] as string | undefined;
      if (event['keptThrough'] !== undefined) {
        step.keptThrough = event['keptThrough'] as number;
        if (step.status !== 'retrying')
          problems.push(`The step ${stepId} is ${step.status} and has keptThrough.`);
        if (step.keptThrough >= event.sequence)
          problems.push(`keptThrough ${step.keptThrough} of the step ${stepId} is not before its end.`);
      }
      if (step.status === 'running' || step.status === 'waiting') last = stepId;
    } else if (CONTENT.has(event.type)) {
      const step = steps.get(stepId!);
      if (step) step.events.push(event);
      else problems.push(`${event.type} ${event.sequence} is of an unknown step.`);
    }
  }
  const chain: KnownStep[] = [];
  for (let id = last; id !== undefined; id = steps.get(id)?.continues) {
    const step = steps.get(id);
    if (!step) {
      problems.push(`The step ${id} is continued, and it is unknown.`);
      break;
    }
    if (id !== last && (step.status !== 'retrying' || step.keptThrough === undefined))
      problems.push(`The step ${id} is continued, is ${step.status}, and keeps ${step.keptThrough}.`);
    chain.unshift(step);
  }
  const kept = chain.flatMap((step, index) =>
    index === chain.length - 1
      ? step.events
      : step.events.filter(({ sequence }) => sequence <= (step.keptThrough ?? 0)),
  );
  const chunks = (of: readonly SeenEvent[], type: string) =>
    of.flatMap((event) => (event.type === type ? [event['chunk'] as string] : [])).join('');
  const ids = (type: string) =>
    kept.flatMap((event) => (event.type === type ? [event['toolId'] as string] : []));
  const lastCall = kept.findLastIndex(({ type }) => type === 'execution:tool-call');
  return {
    text: chunks(kept, 'execution:output'),
    thinking: chunks(kept, 'execution:thinking'),
    finalText: chunks(kept.slice(lastCall + 1), 'execution:output'),
    toolCalls: ids('execution:tool-call'),
    toolResults: ids('execution:tool-result'),
    problems,
  };
}
