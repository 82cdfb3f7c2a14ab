import type { Findings } from './report.ts';

/** What every scenario is given. */
export interface ScenarioContext {
  /** How many executions to start. */
  executions: number;
  /** The server's main file. */
  script: string;
  /** Says what happens, for a person who waits. */
  note: (text: string) => void;
  /** Keeps what the processes and the database printed. */
  keep: (name: string, text: string) => Promise<void>;
}

/** Does something to a database under two processes. Returns a reason where this machine, or this schema, cannot do it. */
export type Scenario = (context: ScenarioContext) => Promise<Findings | string>;
