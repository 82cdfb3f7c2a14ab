import type pg from 'pg';

/** The key of a lock that a test holds to stop the statements of others before they commit. */
export const GATE = 4_711;

/** SQL of a trigger function that waits while another session has closed the gate. */
export const STOP_AT_GATE = `
  CREATE FUNCTION public.stop_at_gate() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM pg_advisory_xact_lock_shared(${GATE});
    RETURN NEW;
  END $$;`;

export const closeGate = (client: pg.Client) => client.query('SELECT pg_advisory_lock($1)', [GATE]);
export const openGate = (client: pg.Client) => client.query('SELECT pg_advisory_unlock($1)', [GATE]);
