import type { Json, StepStatus, Workflow } from '@cloutagent/contract';
import type { Data } from '../support/answer.ts';

/** A row of the journal as it is stored. */
export interface JournalRow {
  sequence: number;
  type: string;
  data: string;
}

interface JournalEvent {
  sequence: number;
  type: string;
  fields: Partial<Data>;
}

interface OpenStep {
  nodeId: string;
  status: StepStatus;
  attempt: number;
  text: string;
}

const TERMINAL = /^execution:(completed|failed|cancelled)$/;
const ENDED: ReadonlySet<StepStatus> = new Set(['completed', 'failed', 'retrying', 'skipped', 'cancelled']);
/** Event types that must not be recorded between `execution:paused` and the next resume, takeover or end. */
const WORK = new Set(['execution:output', 'execution:thinking', 'execution:tool-call', 'execution:progress']);

/** Event types of waits. */
const WAIT = new Set(['execution:waiting', 'execution:wait-ended']);

export const isTerminalType = (type: string): boolean => TERMINAL.test(type);

/**
 * Checks the journal of one ended execution against the invariants of ownership.
 * @param workflow the execution's workflow
 * @returns violations, one sentence each
 */
export function checkJournal(rows: readonly JournalRow[], workflow: Workflow): string[] {
  const events = rows.map(({ sequence, type, data }): JournalEvent => {
    const fields = JSON.parse(data) as Partial<Data>;
    return { sequence, type, fields };
  });
  return [
    ...checkSequences(events),
    ...checkEnd(events),
    ...checkStarts(events),
    ...checkPauses(events),
    ...checkSteps(events, workflow),
  ];
}

function checkSequences(events: readonly JournalEvent[]): string[] {
  const wrong = events.findIndex(({ sequence }, index) => sequence !== index + 1);
  if (wrong === -1) return [];
  return [`The journal has sequence ${events[wrong]!.sequence} where ${wrong + 1} is expected.`];
}

function checkEnd(events: readonly JournalEvent[]): string[] {
  const ends = events.filter(({ type }) => TERMINAL.test(type));
  const positions = ends.map(({ sequence, type }) => `${type} at ${sequence}`).join(', ');
  if (ends.length === 0) return ['The journal has no terminal event.'];
  if (ends.length > 1) return [`The journal has ${ends.length} terminal events: ${positions}.`];
  const last = events.at(-1)!;
  if (last !== ends[0]) return [`The journal has ${last.type} at ${last.sequence} after ${positions}.`];
  const { result } = last.fields;
  if (last.type === 'execution:completed' && result?.lastSequence !== last.sequence)
    return [`The result names ${result?.lastSequence} as the last sequence; the event has ${last.sequence}.`];
  return [];
}

function checkStarts(events: readonly JournalEvent[]): string[] {
  const problems: string[] = [];
  let attempt = 0;
  for (const { type, sequence, fields } of events) {
    if (type !== 'execution:started') continue;
    const next = fields.attempt!;
    if (next <= attempt) problems.push(`Attempt ${next} starts at ${sequence} after attempt ${attempt}.`);
    attempt = next;
  }
  const first = events[0]?.type;
  if (attempt > 0 && first !== 'execution:started')
    problems.push(`The journal starts with ${first}, not with execution:started.`);
  return problems;
}

function checkPauses(events: readonly JournalEvent[]): string[] {
  let pausedAt: number | undefined;
  for (const { type, sequence, fields } of events) {
    if (type === 'execution:paused') pausedAt = sequence;
    else if (type === 'execution:resumed' || type === 'execution:started') pausedAt = undefined;
    const isStep = type === 'execution:step' && ['running', 'completed'].includes(fields.status!);
    if (pausedAt !== undefined && (isStep || WORK.has(type)))
      return [`${type} at ${sequence} was recorded during the pause that started at ${pausedAt}.`];
  }
  return [];
}

/**
 * Checks that each attempt at a node starts and ends once, in the order of the graph, and that no attempt follows the
 * completed one.
 */
function checkSteps(events: readonly JournalEvent[], workflow: Workflow): string[] {
  const problems: string[] = [];
  const steps = new Map<string, OpenStep>();
  /** By node id: the sequence at which the node completed. */
  const completed = new Map<string, number>();
  for (const { type, sequence, fields } of events) {
    const { nodeId, stepId, status, attempt } = fields;
    if (nodeId === undefined) continue;
    const completedAt = completed.get(nodeId);
    if (completedAt !== undefined)
      problems.push(`Node ${nodeId} has ${type} at ${sequence}, but it completed at ${completedAt}.`);
    if (stepId === undefined) continue;
    const step = steps.get(stepId);
    if (type !== 'execution:step') {
      // A retry with a long backoff waits after its step.
      const statuses = WAIT.has(type) ? ['waiting', 'retrying'] : ['running'];
      if (!statuses.includes(step?.status ?? ''))
        problems.push(`${type} at ${sequence} belongs to a step that is ${step?.status ?? 'unknown'}.`);
      else if (step && type === 'execution:output') step.text += fields.chunk!;
      continue;
    }
    if (status === 'running' && step?.status === 'waiting') {
      step.status = status;
      continue;
    }
    if (status === 'running') {
      if (step) problems.push(`Step ${stepId} of node ${nodeId} starts again at ${sequence}.`);
      problems.push(...checkStart(nodeId, attempt!, sequence, [...steps.values()]));
      for (const { source, target } of workflow.edges)
        if (target === nodeId && !completed.has(source))
          problems.push(`Node ${nodeId} starts at ${sequence}, before node ${source} has completed.`);
      steps.set(stepId, { nodeId, status, attempt: attempt!, text: '' });
      continue;
    }
    if (status === 'waiting') {
      if (step?.status === 'running') step.status = status;
      else problems.push(`Step ${stepId} waits at ${sequence}, but it is ${step?.status ?? 'unknown'}.`);
      continue;
    }
    if (!ENDED.has(status!)) problems.push(`Step ${stepId} has status ${status} at ${sequence}.`);
    if (step?.status !== 'running' && !(step?.status === 'waiting' && status === 'cancelled'))
      problems.push(
        `Step ${stepId} of node ${nodeId} ends as ${status} at ${sequence}, but it is ${step?.status ?? 'unknown'}.`,
      );
    if (step) step.status = status!;
    if (status !== 'completed') continue;
    completed.set(nodeId, sequence);
    if (step) problems.push(...checkText(step, fields.output!, workflow));
  }
  for (const [stepId, { nodeId, status }] of steps)
    if (!ENDED.has(status)) problems.push(`Step ${stepId} of node ${nodeId} started and never ended.`);
  if (events.at(-1)?.type === 'execution:completed')
    for (const { id } of workflow.nodes)
      if (!completed.has(id)) problems.push(`The execution has completed, but its node ${id} has not.`);
  return problems;
}

function checkStart(nodeId: string, attempt: number, sequence: number, steps: readonly OpenStep[]): string[] {
  const own = steps.filter((step) => step.nodeId === nodeId);
  const problems: string[] = [];
  if (own.some((step) => !ENDED.has(step.status)))
    problems.push(`Node ${nodeId} starts at ${sequence} while another step of it is open.`);
  const last = Math.max(0, ...own.map((step) => step.attempt));
  if (attempt <= last)
    problems.push(`Node ${nodeId} starts attempt ${attempt} at ${sequence} after attempt ${last}.`);
  return problems;
}

/** Checks that an agent's output is the text of its chunks. This finds lost and duplicated chunks. */
function checkText(step: OpenStep, output: Json, workflow: Workflow): string[] {
  const node = workflow.nodes.find(({ id }) => id === step.nodeId);
  if (node?.type !== 'agent' || output === step.text) return [];
  return [
    `Node ${step.nodeId} has an output of ${JSON.stringify(output).length} bytes of JSON, its chunks have ${JSON.stringify(step.text).length}.`,
  ];
}

/** Returns a summary of a journal on one line, for reports. */
export function outline(rows: readonly JournalRow[]): string {
  const parts: { text: string; from: number; to: number }[] = [];
  for (const { sequence, type, data } of rows) {
    const { nodeId, status, attempt, code, by } = JSON.parse(data) as Partial<Data>;
    const details = [nodeId, status, attempt === undefined ? undefined : `#${attempt}`, code, by];
    const text = [type.replace('execution:', ''), ...details.filter((detail) => detail !== undefined)].join(
      ' ',
    );
    const last = parts.at(-1);
    if (last?.text === text && last.to === sequence - 1) last.to = sequence;
    else parts.push({ text, from: sequence, to: sequence });
  }
  return parts.map(({ text, from, to }) => `${from === to ? from : `${from}-${to}`} ${text}`).join(' | ');
}
