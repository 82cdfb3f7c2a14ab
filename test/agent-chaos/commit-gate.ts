import pg from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';

/** A commit of an agent: of an answer with its calls, of the result of a call, or of the end of the execution. */
export type Commit = 'answer' | 'result' | 'end';

const LOCK = 4_711;
const POLL_MS = 10;
/** Deferred triggers run in the commit itself: PostgreSQL has received everything, and nothing is visible yet. */
const SETUP = `
  CREATE SCHEMA gates;
  CREATE TABLE gates.closed (execution_id uuid, commit text);
  CREATE FUNCTION gates.wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS $$
  DECLARE execution uuid := CASE TG_ARGV[0] WHEN 'end' THEN (to_jsonb(NEW) ->> 'id')::uuid
    ELSE (to_jsonb(NEW) ->> 'execution_id')::uuid END;
  BEGIN
    IF EXISTS (SELECT FROM gates.closed AS c WHERE c.execution_id = execution AND c.commit = TG_ARGV[0]) THEN
      PERFORM pg_advisory_xact_lock_shared(${LOCK});
    END IF;
    RETURN NEW;
  END $$;
  CREATE CONSTRAINT TRIGGER gate AFTER INSERT ON cloutagent.agent_rounds DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION gates.wait_at_gate('answer');
  CREATE CONSTRAINT TRIGGER gate AFTER UPDATE ON cloutagent.tool_calls DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.result IS NULL AND NEW.result IS NOT NULL) EXECUTE FUNCTION gates.wait_at_gate('result');
  CREATE CONSTRAINT TRIGGER gate AFTER UPDATE ON cloutagent.executions DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.completed_at IS NULL AND NEW.completed_at IS NOT NULL)
    EXECUTE FUNCTION gates.wait_at_gate('end');`;

/** Stops a chosen commit inside PostgreSQL, so that a fault happens exactly in the commit. */
export class CommitGate {
  private constructor(private readonly client: pg.Client) {}

  /** @param url the database of servers that have made their tables */
  static async install(url: string): Promise<CommitGate> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(SETUP);
    return new CommitGate(client);
  }

  /** Makes the next commit of this kind wait until `open` is called. */
  async close(executionId: string, commit: Commit): Promise<void> {
    await this.client.query('SELECT pg_advisory_lock($1)', [LOCK]);
    await this.client.query('INSERT INTO gates.closed VALUES ($1, $2)', [executionId, commit]);
  }

  /** Waits until a commit waits at the gate. @returns the id of its backend @throws Error after 20 s */
  async reached(): Promise<number> {
    const deadline = Date.now() + 20_000;
    for (;;) {
      const { rows } = await this.client.query<{ pid: number }>(
        `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = $1 AND NOT granted`,
        [LOCK],
      );
      if (rows[0]) return rows[0].pid;
      if (Date.now() > deadline) throw new Error('No commit came to the gate.');
      await sleep(POLL_MS);
    }
  }

  /** Ends the backend, so that its transaction has no effect, and waits until it has ended. */
  async rollBack(pid: number): Promise<void> {
    await this.client.query('SELECT pg_terminate_backend($1, 20000)', [pid]);
  }

  /** Lets the commit that waits, and all later ones, continue. */
  async open(): Promise<void> {
    await this.client.query('DELETE FROM gates.closed');
    await this.client.query('SELECT pg_advisory_unlock_all()');
  }

  async end(): Promise<void> {
    await this.client.end();
  }
}
