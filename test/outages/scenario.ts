import type { Findings } from './report.ts';

/** The parameters of every scenario. */
export interface ScenarioContext {
  /** How many executions to start. */
  executions: number;
  /** The server's main file. */
  script: string;
  /** Prints progress. */
  logProgress: (text: string) => void;
  /** Keeps output of the processes or the database under a name. */
  keep: (name: string, text: string) => Promise<void>;
}

/** Disturbs the database of two running processes. Returns a reason if this machine or this schema cannot run it. */
export type Scenario = (context: ScenarioContext) => Promise<Findings | string>;
