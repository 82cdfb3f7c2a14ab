import { storableText } from '../common/storable-text.js';
import type { RowChange } from './row-change.js';

/** A change of one execution that comes with rows of other tables, or of child executions. */
export type RelatedChange = RowChange & { executionId: string };

export const hasRelatedRows = ({
  opens,
  records,
  children,
  treeUsage,
  rounds,
  toolCalls,
}: RowChange): boolean =>
  [opens, records, children, treeUsage, rounds, toolCalls].some(
    (rows) => rows !== undefined && rows.length > 0,
  );

// JSON is passed in arrays of json, because the functions of PostgreSQL that read a record from JSON refuse U+0000 anywhere
// in it. Each part writes only for executions whose row this statement has changed.
// A wait may begin and end in one statement, whose UPDATE does not see the new row.
const OPENED = `
  INSERT INTO cloutagent.waits
    (id, execution_id, project_id, node_id, step_id, key, kind, request, signal, assignees, until, outcome, recorded,
      settled_at)
  SELECT w.id, w.execution_id, w.project_id, w.node_id, w.step_id, w.key, w.kind, w.request, w.signal,
    CASE WHEN w.assignees IS NOT NULL THEN ARRAY(SELECT json_array_elements_text(w.assignees)) END,
    coalesce(w.until, now() + w.ms * interval '1 ms'), w.outcome, w.outcome IS NOT NULL,
    CASE WHEN w.outcome IS NOT NULL THEN now() END
  FROM unnest($17::uuid[], $18::uuid[], $19::text[], $20::text[], $21::text[], $22::text[], $23::text[], $24::json[],
    $25::text[], $26::json[], $27::timestamptz[], $28::float8[], $53::text[])
    AS w(id, execution_id, project_id, node_id, step_id, key, kind, request, signal, assignees, until, ms, outcome)
  WHERE w.execution_id IN (SELECT id FROM changed)`;

// The journal decides: an answer that comes at the moment at which the end of the execution cancels its wait is too late.
const RECORDED = `
  UPDATE cloutagent.waits AS w SET recorded = true, outcome = r.outcome, settled_at = coalesce(w.settled_at, now())
  FROM unnest($29::uuid[], $30::uuid[], $52::text[]) AS r(id, execution_id, outcome)
  WHERE w.id = r.id AND w.execution_id = r.execution_id AND r.execution_id IN (SELECT id FROM changed)`;

const SUPERSEDED = `
  UPDATE cloutagent.executions AS s SET superseded = true WHERE s.id = ANY ($31::uuid[]) RETURNING s.id`;

// The subquery on `superseded` has no effect but its order: PostgreSQL runs that part first, so that the unique index
// accepts the new children.
const STARTED = `
  INSERT INTO cloutagent.executions (id, project_id, input, workflow, options, tags, created_by, runnable_at,
    desired_state, desired_state_by, desired_state_reason, desired_state_at, parent_id, parent_node_id, parent_index, root_id,
    depth, rerun_of, kept, parent_wait_id, workflow_name, workflow_version, secret_versions)
  SELECT c.id, p.project_id, c.input, g.workflow, g.options, p.tags, p.created_by, CASE WHEN c.queued THEN now() END,
    p.desired_state, p.desired_state_by, p.desired_state_reason, p.desired_state_at, p.id, g.node_id, c.index, g.root_id,
    g.depth, c.rerun_of, c.kept, g.wait_id, g.workflow_name, g.workflow_version, p.secret_versions
  FROM unnest($32::int[], $33::uuid[], $34::text[], $35::uuid[], $36::int[], $37::json[], $38::json[],
    $51::uuid[], $79::text[], $80::int[])
    AS g(number, parent_id, node_id, root_id, depth, workflow, options, wait_id, workflow_name, workflow_version)
  JOIN unnest($39::int[], $40::uuid[], $41::int[], $42::json[], $43::boolean[], $44::uuid[], $45::json[])
    AS c(number, id, index, input, queued, rerun_of, kept) ON c.number = g.number
  JOIN changed AS p ON p.id = g.parent_id
  WHERE (SELECT count(*) FROM superseded) >= 0`;

const COUNTED = `
  INSERT INTO cloutagent.tree_usage AS t (root_id, model, input, output, priced_input, priced_output, cost_usd)
  SELECT u.root_id, u.model, sum(u.input), sum(u.output),
    coalesce(sum(u.input) FILTER (WHERE u.cost_usd IS NOT NULL), 0),
    coalesce(sum(u.output) FILTER (WHERE u.cost_usd IS NOT NULL), 0), coalesce(sum(u.cost_usd), 0)
  FROM unnest($46::uuid[], $47::uuid[], $48::text[], $49::bigint[], $50::bigint[], $78::numeric[])
    AS u(execution_id, root_id, model, input, output, cost_usd)
  WHERE u.execution_id IN (SELECT id FROM changed)
  GROUP BY u.root_id, u.model ORDER BY u.root_id, u.model
  ON CONFLICT (root_id, model) DO UPDATE SET input = t.input + excluded.input, output = t.output + excluded.output,
    priced_input = t.priced_input + excluded.priced_input, priced_output = t.priced_output + excluded.priced_output,
    cost_usd = t.cost_usd + excluded.cost_usd`;

const ANSWERED = `
  INSERT INTO cloutagent.agent_rounds (execution_id, node_id, round, step_id, sequence, content, problem)
  SELECT r.execution_id, r.node_id, r.round, r.step_id, r.sequence, r.content, r.problem
  FROM unnest($54::uuid[], $55::text[], $56::int[], $57::text[], $58::int[], $59::json[], $60::text[])
    AS r(execution_id, node_id, round, step_id, sequence, content, problem)
  WHERE r.execution_id IN (SELECT id FROM changed)`;

const CALLED = `
  INSERT INTO cloutagent.tool_calls (execution_id, node_id, round, index, tool_id, tool_name, args, refusal, started)
  SELECT c.execution_id, c.node_id, c.round, c.index, c.tool_id, c.tool_name, c.args, c.refusal, c.started
  FROM unnest($61::uuid[], $62::text[], $63::int[], $64::int[], $65::text[], $66::text[], $67::json[], $68::text[],
    $69::boolean[]) AS c(execution_id, node_id, round, index, tool_id, tool_name, args, refusal, started)
  WHERE c.execution_id IN (SELECT id FROM changed)`;

const CALLS_CHANGED = `
  UPDATE cloutagent.tool_calls AS c SET started = c.started OR n.started, result = coalesce(n.result, c.result),
    step_id = coalesce(n.step_id, c.step_id), sequence = coalesce(n.sequence, c.sequence)
  FROM unnest($70::uuid[], $71::text[], $72::int[], $73::int[], $74::boolean[], $75::json[], $76::text[], $77::int[])
    AS n(execution_id, node_id, round, index, started, result, step_id, sequence)
  WHERE c.execution_id = n.execution_id AND c.node_id = n.node_id AND c.round = n.round AND c.index = n.index
    AND n.execution_id IN (SELECT id FROM changed)`;

/** Parts of an append's statement that write the related rows. They use the part `changed` and the parameters from $17. */
export const RELATED_ROWS = `
  opened AS (${OPENED}),
  recorded AS (${RECORDED}),
  superseded AS (${SUPERSEDED}),
  started AS (${STARTED}),
  counted AS (${COUNTED}),
  answered AS (${ANSWERED}),
  called AS (${CALLED}),
  calls_changed AS (${CALLS_CHANGED})`;

const json = (value: unknown): string | null => (value === undefined ? null : JSON.stringify(value));

/** Returns the values of the parameters from $17. */
export function relatedValues(changes: readonly RelatedChange[]): unknown[] {
  const waits = changes.flatMap(({ executionId, opens = [] }) =>
    opens.map((wait) => ({ executionId, ...wait })),
  );
  const records = changes.flatMap(({ executionId, records: ids = [] }) =>
    ids.map((wait) => ({ executionId, ...wait })),
  );
  const outcomes = new Map(records.map(({ id, outcome }) => [id, outcome]));
  const groups = changes.flatMap(({ executionId, children = [] }) =>
    children.map((group) => ({ executionId, ...group })),
  );
  const children = groups.flatMap((group, number) => group.children.map((child) => ({ number, ...child })));
  const usage = changes.flatMap(({ executionId, treeUsage = [] }) =>
    treeUsage.map((entry) => ({ executionId, ...entry })),
  );
  const rounds = changes.flatMap(({ executionId, rounds: own = [] }) =>
    own.map((round) => ({ executionId, ...round })),
  );
  const calls = rounds.flatMap(({ executionId, nodeId, round, calls: own }) =>
    own.map((call) => ({ executionId, nodeId, round, ...call })),
  );
  const changedCalls = changes.flatMap(({ executionId, toolCalls = [] }) =>
    toolCalls.map((call) => ({ executionId, ...call })),
  );
  return [
    waits.map(({ id }) => id),
    waits.map(({ executionId }) => executionId),
    waits.map(({ projectId }) => projectId),
    waits.map(({ nodeId }) => nodeId),
    waits.map(({ stepId }) => stepId),
    waits.map(({ key }) => key),
    waits.map(({ kind }) => kind),
    waits.map(({ details }) => JSON.stringify(details)),
    waits.map(({ signal }) => signal ?? null),
    waits.map(({ assignees }) => json(assignees)),
    waits.map(({ until }) => (typeof until === 'string' ? until : null)),
    waits.map(({ until }) => (typeof until === 'object' ? until.ms : null)),
    records.map(({ id }) => id),
    records.map(({ executionId }) => executionId),
    groups.flatMap(({ supersedes = [] }) => supersedes),
    groups.map((_group, number) => number),
    groups.map(({ executionId }) => executionId),
    groups.map(({ nodeId }) => nodeId),
    groups.map(({ rootId }) => rootId),
    groups.map(({ depth }) => depth),
    groups.map(({ workflow }) => JSON.stringify(workflow)),
    groups.map(({ options }) => JSON.stringify(options)),
    children.map(({ number }) => number),
    children.map(({ id }) => id),
    children.map(({ index }) => index),
    children.map(({ input }) => JSON.stringify(input)),
    children.map(({ isQueued }) => isQueued),
    children.map(({ rerunOf }) => rerunOf ?? null),
    children.map(({ kept }) => json(kept)),
    usage.map(({ executionId }) => executionId),
    usage.map(({ rootId }) => rootId),
    usage.map(({ model }) => model),
    usage.map(({ input }) => input),
    usage.map(({ output }) => output),
    groups.map(({ waitId }) => waitId ?? null),
    records.map(({ outcome }) => outcome),
    waits.map(({ id }) => outcomes.get(id) ?? null),
    rounds.map(({ executionId }) => executionId),
    rounds.map(({ nodeId }) => nodeId),
    rounds.map(({ round }) => round),
    rounds.map(({ stepId }) => stepId),
    rounds.map(({ sequence }) => sequence),
    rounds.map(({ content }) => JSON.stringify(content)),
    rounds.map(({ problem }) => (problem === undefined ? null : storableText(problem))),
    calls.map(({ executionId }) => executionId),
    calls.map(({ nodeId }) => nodeId),
    calls.map(({ round }) => round),
    calls.map(({ index }) => index),
    calls.map(({ toolId }) => storableText(toolId)),
    calls.map(({ toolName }) => storableText(toolName)),
    calls.map(({ args }) => JSON.stringify(args)),
    calls.map(({ refusal }) => (refusal === undefined ? null : storableText(refusal))),
    calls.map(({ started }) => started),
    changedCalls.map(({ executionId }) => executionId),
    changedCalls.map(({ nodeId }) => nodeId),
    changedCalls.map(({ round }) => round),
    changedCalls.map(({ index }) => index),
    changedCalls.map(({ started = false }) => started),
    changedCalls.map(({ result }) => json(result)),
    changedCalls.map(({ recorded }) => recorded?.stepId ?? null),
    changedCalls.map(({ recorded }) => recorded?.sequence ?? null),
    usage.map(({ costUSD }) => costUSD),
    groups.map(({ savedAs }) => savedAs?.name ?? null),
    groups.map(({ savedAs }) => savedAs?.version ?? null),
  ];
}
