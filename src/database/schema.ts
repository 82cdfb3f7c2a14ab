import type { ColumnType, Generated } from 'kysely';
import type {
  ExecutionFailure,
  ExecutionOptions,
  ExecutionStatus,
  Json,
  Scope,
  Workflow,
} from '@cloutagent/contract';

/**
 * A `json` column. It stores the text unchanged, while jsonb would refuse U+0000 and reorder keys. pg parses it on
 * reading.
 */
type JsonColumn<T> = ColumnType<T, string, string>;
type Instant = ColumnType<Date, Date | string | undefined, Date | string>;

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
  /** Whether its owner only waits, for a resume or a person. It then takes no concurrency slot. */
  idle: Generated<boolean>;
}

interface EventsTable {
  execution_id: string;
  sequence: number;
  type: string;
  /** JSON of one line. Its frame has the same fields after `type` and `sequence`, which are not stored here. */
  data: string;
}

export interface ApprovalsTable {
  execution_id: string;
  node_id: string;
  approved: boolean;
  comment: string | null;
  decided_by: string;
  decided_at: Instant;
}

export interface ApiKeysTable {
  id: string;
  name: string;
  /** SHA-256 of the key. A slow hash is not needed, because a key has 256 random bits. */
  hash: Buffer;
  prefix: string;
  projects: string[];
  scopes: Scope[];
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
}

export interface Schema {
  executions: ExecutionsTable;
  processes: ProcessesTable;
  events: EventsTable;
  approvals: ApprovalsTable;
  api_keys: ApiKeysTable;
  stream_tickets: StreamTicketsTable;
}
