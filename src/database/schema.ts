import type { ColumnType, Generated } from 'kysely';
import type {
  ExecutionFailure,
  ExecutionOptions,
  ExecutionStatus,
  Json,
  Scope,
  Workflow,
} from '@cloutagent/contract';

/** A `json` column: text as it was given (jsonb would refuse U+0000 and reorder keys); pg parses it on reading. */
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
  /** What was last asked for; the owner carries it out. */
  desired_state: ColumnType<DesiredState, DesiredState | undefined, DesiredState>;
  desired_state_by: string | null;
  desired_state_reason: string | null;
  /** Fencing token: each claim raises it, and an append holds only with the present one. */
  attempt: Generated<number>;
  /** Owners that died while they ran it. A hand-over does not count. */
  crash_count: Generated<number>;
  /** Which they were: one that comes back after all is taken out again. */
  crashed_owners: Generated<string[]>;
  /** `ProcessIdentity` of the process that owns it. */
  owner: string | null;
  /** From when on a process may claim it; null while there is nothing to claim. */
  runnable_at: Instant | null;
  /** Whether its owner only waits, for a resume or a person: it then takes no concurrency slot. */
  idle: Generated<boolean>;
}

interface EventsTable {
  execution_id: string;
  sequence: number;
  type: string;
  /** The frame's `data` line, exactly as it goes out. */
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
  /** SHA-256 of the key: it has 256 random bits, so no slow hash is called for. */
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
  /** `filterKey` of a stream of many. */
  filter: string | null;
  /** The principal that asked, as JSON: the stream is opened in its name. */
  principal: JsonColumn<unknown>;
  /** Address that used it; null before. */
  used_by: string | null;
  expires_at: Date;
}

/** The processes that share this database, a row each. */
interface ProcessesTable {
  identity: string;
  started_at: Generated<Date>;
  /** When the process last said that it is alive. */
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
