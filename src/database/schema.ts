import type { ColumnType, Generated } from 'kysely';
import type {
  ExecutionFailure,
  ExecutionOptions,
  ExecutionStatus,
  Json,
  Operation,
  OperationFilter,
  Scope,
  WaitKind,
  WaitOutcome,
  Workflow,
} from '@cloutagent/contract';

/**
 * A `json` column. It stores the text unchanged, while jsonb would refuse U+0000 and reorder keys. pg parses it on
 * reading.
 */
type JsonColumn<T> = ColumnType<T, string, string>;
type Instant = ColumnType<Date, Date | string | undefined, Date | string>;

/** The fields of a wait that have no column. */
export interface WaitDetails {
  message?: string;
  schema?: Record<string, unknown>;
  children?: { count: number; concurrency: number; onError: 'fail' | 'collect' };
  toolName?: string;
  toolArgs?: Json;
  error?: string;
  /** The code of the error. */
  code?: string;
}

/** A step that a re-run copies. */
export interface KeptStep {
  nodeId: string;
  nodeType: string;
  /** The node's name. */
  step: string;
  /** failed: an error edge of the node handled the failure. */
  status: 'completed' | 'skipped' | 'failed';
  /** Only of a completed step. */
  output?: Json;
  /** Only of a failed step. */
  error?: string;
  code?: string;
  /** The execution in which the node ran. */
  reusedFrom: string;
  /** Whether a person has answered a wait of the node, or of the child executions below it. */
  isAnswered?: true;
}

/** A child execution of which a re-run keeps the output, or the work that it had done. */
export type KeptChild = {
  /** Index of the item or turn. */
  index: number;
  rerunOf: string;
  /** `childHashOf` of its workflow and input. The child is kept only for the same ones. */
  hash: string;
} & ({ output: Json; isAnswered?: true } | { kept: KeptWork });

/** The work that a re-run copies. The work of child executions is nested. */
export interface KeptWork {
  /** Completed and skipped nodes, and nodes whose failure was handled. A node comes after its parents. */
  steps: KeptStep[];
  /** Decisions on the edges of these nodes. The edges have their names in the new workflow. */
  branches: { nodeId: string; taken: string[]; notTaken: string[] }[];
  /** Children of nodes that run again, by node id: completed ones with their output, others with what they keep. */
  children: Record<string, KeptChild[]>;
}

export type DesiredState = 'run' | 'pause' | 'cancel';

export interface ExecutionsTable {
  id: string;
  project_id: string;
  status: ColumnType<ExecutionStatus, ExecutionStatus | undefined, ExecutionStatus>;
  input: JsonColumn<Json>;
  workflow: JsonColumn<Workflow>;
  options: JsonColumn<ExecutionOptions>;
  tags: string[];
  output: JsonColumn<Json> | null;
  error: JsonColumn<ExecutionFailure> | null;
  created_at: Instant;
  created_by: string;
  started_at: Date | null;
  completed_at: Date | null;
  idempotency_key: string | null;
  request_hash: string | null;
  /** The state that was requested last. The owner applies it. */
  desired_state: ColumnType<DesiredState, DesiredState | undefined, DesiredState>;
  desired_state_by: string | null;
  desired_state_reason: string | null;
  desired_state_at: Date | null;
  /** Fencing token: each claim increments it, and an append succeeds only with the current value. */
  attempt: Generated<number>;
  /** Number of owners that died while they ran it. A graceful hand-over does not count. */
  crash_count: Generated<number>;
  /** Identities of these owners. An owner that turns out to be alive is removed again. */
  crashed_owners: Generated<string[]>;
  /** `ProcessIdentity` of the process that owns it. */
  owner: string | null;
  /** The time from which a process may claim it. Null while there is nothing to claim. */
  runnable_at: Instant | null;
  /** Whether its owner only waits, for a resume or for the end of a wait. It then takes no concurrency slot. */
  idle: Generated<boolean>;
  /** Whether its last owner left it because it only waited. The next claim then records no `execution:started`. */
  parked: Generated<boolean>;
  /** Number of its waits that have ended. An owner that leaves it compares the number, so that no end is missed. */
  wakes: Generated<number>;
  /** The execution that started this one as a child; null for a root. */
  parent_id: string | null;
  parent_node_id: string | null;
  /** Index of the item or turn. */
  parent_index: number | null;
  /** The wait of the parent that ends when this execution, and those that began with it, have ended. */
  parent_wait_id: string | null;
  /** Whether another child has replaced it after a retry of the parent's node. */
  superseded: Generated<boolean>;
  /** The execution at the top of the tree; null for a root. */
  root_id: string | null;
  /** 0 for a root. */
  depth: Generated<number>;
  rerun_of: string | null;
  /** What a re-run copies from the execution that it repeats. */
  kept: JsonColumn<KeptWork> | null;
  /** The saved workflow whose version it runs; null for a graph that was posted. */
  workflow_name: string | null;
  workflow_version: number | null;
  /** When it may begin; null for immediately. */
  start_at: Instant | null;
  /** Ids of the versions of secrets that it has used. Their values are redacted in all that it records. */
  secret_versions: Generated<string[]>;
}

interface EventsTable {
  execution_id: string;
  sequence: number;
  type: string;
  /**
   * JSON of one line. Its frame has the same fields after `type` and `sequence`, which are not stored here. Chunks have a
   * shorter text (`journal/stored-event.ts`).
   */
  data: string;
}

/** The events of executions that have ended, compressed. */
interface SegmentsTable {
  execution_id: string;
  /** Sequence of the first event. The others follow without a gap. */
  first: number;
  last: number;
  /** Bytes of the events' data before the compression. */
  bytes: number;
  /** The types of its events; null for an execution's only segment. */
  types: string[] | null;
  /** Type of the execution's last event. This column and the next three have values in an execution's last segment only. */
  last_type: string | null;
  /** The fields of its newest `execution:progress`, without `executionId` and `timestamp`. */
  progress: JsonColumn<unknown> | null;
  /** Those of its newest `execution:token-usage`. */
  usage: JsonColumn<unknown> | null;
  /** Those of its newest `execution:cost-update`. */
  cost: JsonColumn<unknown> | null;
  /** As `encodeSegment` makes it. */
  data: Buffer;
}

/** Waits of nodes. A row is all that an open wait needs. */
export interface WaitsTable {
  id: string;
  execution_id: string;
  project_id: string;
  node_id: string;
  step_id: string;
  /** Names the wait inside its node. Keys of the engine begin with `$`. */
  key: string;
  kind: WaitKind;
  request: JsonColumn<WaitDetails>;
  signal: string | null;
  assignees: string[] | null;
  created_at: Instant;
  /** When a timer fires, or when the wait expires. */
  until: Instant | null;
  /** Null while the wait is open. */
  outcome: WaitOutcome | null;
  answer: JsonColumn<Json> | null;
  /** Id of the principal that answered. */
  settled_by: string | null;
  settled_at: Instant | null;
  /** Whether the journal has the end of the wait. */
  recorded: Generated<boolean>;
}

/** Signals, those that wait to be consumed and those that were. */
interface SignalsTable {
  id: string;
  execution_id: string;
  name: string;
  body: JsonColumn<Json>;
  sent_by: string;
  sent_at: Instant;
  idempotency_key: string | null;
  /** The wait that it ended. Null while it is kept. */
  wait_id: string | null;
}

/** Addresses at which third parties end a wait without a key. Only their hashes are stored. */
interface CallbacksTable {
  hash: Buffer;
  execution_id: string;
  node_id: string;
  created_at: Instant;
  used_at: Instant | null;
}

/** Tokens of a tree of executions, by model. It has rows only for executions that have had children. */
interface TreeUsageTable {
  root_id: string;
  model: string;
  /** pg returns 64-bit integers as text. */
  input: string;
  output: string;
  /** Those of the calls whose cost is in `cost_usd`. */
  priced_input: Generated<string>;
  priced_output: Generated<string>;
  /** pg returns numbers as text. */
  cost_usd: Generated<string>;
}

export interface ApiKeysTable {
  id: string;
  name: string;
  /** SHA-256 of the key. A slow hash is not needed, because a key has 256 random bits. */
  hash: Buffer;
  prefix: string;
  projects: string[];
  scopes: Scope[];
  /** The saved workflows that it may start; null for no such limit. */
  workflows: string[] | null;
  created_at: Instant;
  created_by: string | null;
  expires_at: Date | null;
  revoked_at: Date | null;
  last_used_at: Date | null;
}

interface StreamTicketsTable {
  hash: Buffer;
  execution_id: string | null;
  /** `filterKey` of a multi-execution stream. */
  filter: string | null;
  /** The principal for which the ticket was issued, as JSON. The stream is opened on its behalf. */
  principal: JsonColumn<unknown>;
  /** The address that used it. Null before its first use. */
  used_by: string | null;
  expires_at: Date;
}

/** The processes that share this database, one row each. */
interface ProcessesTable {
  identity: string;
  started_at: Generated<Date>;
  /** The time of the process's last heartbeat. */
  beat_at: Generated<Date>;
  /** Whether its release reads packed events and short rows. */
  reads_segments: Generated<boolean>;
}

/** A whole answer of a model that is not the last one of its node. */
interface AgentRoundsTable {
  execution_id: string;
  node_id: string;
  /** Counted from 1 in its node. */
  round: number;
  /** The step in which the model answered. */
  step_id: string;
  /** The last event of the answer. */
  sequence: number;
  /** The parts of the assistant's message. */
  content: JsonColumn<Json>;
  /** What is wrong with an answer that does not fit its schema. */
  problem: string | null;
}

/** A call of a tool in such an answer. */
interface ToolCallsTable {
  execution_id: string;
  node_id: string;
  round: number;
  index: number;
  tool_id: string;
  tool_name: string;
  args: JsonColumn<Json>;
  /** Why it is not carried out, for the model. */
  refusal: string | null;
  /** Whether it may have been sent. */
  started: boolean;
  /** `StoredResult` of the engine; null while it is not known. */
  result: JsonColumn<Json> | null;
  /** The step that recorded the result, and the sequence of the event; null while no event is recorded. */
  step_id: string | null;
  sequence: number | null;
}

/** Saved workflows by name. A row stays after a deletion, so that no number of a version is used twice. */
interface WorkflowsTable {
  project_id: string;
  name: string;
  /** The number of the newest version that was ever saved. */
  newest: number;
  deleted_at: Instant | null;
}

interface WorkflowVersionsTable {
  project_id: string;
  name: string;
  version: number;
  /** SHA-256 of the canonical JSON of its content. The same content makes no new version. */
  hash: Buffer;
  workflow: JsonColumn<Workflow>;
  input_schema: JsonColumn<Record<string, unknown>> | null;
  options: JsonColumn<ExecutionOptions>;
  description: string | null;
  tags: string[];
  created_at: Instant;
  created_by: string;
}

interface WorkflowAliasesTable {
  project_id: string;
  name: string;
  alias: string;
  version: number;
}

/** Secrets by name. The value is that of the version. */
interface SecretsTable {
  project_id: string;
  name: string;
  /** null: it may be sent to any host. */
  allowed_hosts: string[] | null;
  version_id: string;
  created_at: Instant;
  updated_at: Instant;
  updated_by: string;
}

/** The values that secrets have, and have had while executions used them. */
interface SecretVersionsTable {
  id: string;
  project_id: string;
  name: string;
  /** Which key of SECRETS_KEY has encrypted it. */
  key_id: string;
  /** The encrypted value (AES-256-GCM). */
  sealed: Buffer;
  created_at: Instant;
  /** When another value, or a deletion, replaced it. */
  replaced_at: Instant | null;
}

interface VariablesTable {
  project_id: string;
  name: string;
  value: JsonColumn<Json>;
  created_at: Instant;
  updated_at: Instant;
  updated_by: string;
}

/** The keys of requests whose executions were deleted. */
interface DeletedRequestsTable {
  project_id: string;
  principal: string;
  /** SHA-256 of the Idempotency-Key. */
  key_hash: Buffer;
  expires_at: Instant;
}

/** Actions on many executions, carried out in the background. */
export interface OperationsTable {
  id: string;
  project_id: string;
  action: Operation['action'];
  filter: JsonColumn<OperationFilter>;
  reason: string | null;
  /** The principal on whose behalf the server acts, as JSON. */
  principal: JsonColumn<unknown>;
  created_by: string;
  idempotency_key: string | null;
  request_hash: Buffer;
  total: Generated<number>;
  succeeded: Generated<number>;
  failed: Generated<number>;
  failures: JsonColumn<Operation['failures']>;
  created_at: Instant;
  completed_at: Instant | null;
  /** `ProcessIdentity` of the process that works on it. */
  claimed_by: string | null;
  /** When a process last worked on it. The one that has waited longest is next. */
  worked_at: Instant;
}

/** The executions that an operation has still to act on. */
interface OperationItemsTable {
  operation_id: string;
  execution_id: string;
}

/** The conversations of clients that executions belong to. */
interface ThreadsTable {
  execution_id: string;
  project_id: string;
  protocol: string;
  thread_id: string;
  data: JsonColumn<Json>;
}

export interface Schema {
  executions: ExecutionsTable;
  processes: ProcessesTable;
  events: EventsTable;
  segments: SegmentsTable;
  waits: WaitsTable;
  signals: SignalsTable;
  callbacks: CallbacksTable;
  tree_usage: TreeUsageTable;
  agent_rounds: AgentRoundsTable;
  tool_calls: ToolCallsTable;
  api_keys: ApiKeysTable;
  stream_tickets: StreamTicketsTable;
  workflows: WorkflowsTable;
  workflow_versions: WorkflowVersionsTable;
  workflow_aliases: WorkflowAliasesTable;
  secrets: SecretsTable;
  secret_versions: SecretVersionsTable;
  variables: VariablesTable;
  deleted_requests: DeletedRequestsTable;
  operations: OperationsTable;
  operation_items: OperationItemsTable;
  threads: ThreadsTable;
}
