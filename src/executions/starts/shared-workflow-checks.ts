import { sha256 } from '../../common/sha256.js';
import type { GraphCheck } from '../commands/start-resolver.js';

/** Checks equal workflows of one batch once. The answer, or the error, is that of the first one. */
export class SharedWorkflowChecks {
  private readonly checks = new Map<string, Promise<void>>();

  /** @param checkAlone checks one workflow */
  constructor(private readonly checkAlone: GraphCheck) {}

  readonly check: GraphCheck = (execution) => {
    const { projectId, workflow, options, savedAs } = execution;
    // A version never changes, so its graph need not be compared.
    const graph = savedAs
      ? `${savedAs.name}@${savedAs.version}`
      : sha256(JSON.stringify(workflow)).toString('hex');
    const key = JSON.stringify([projectId, graph, options?.limits?.maxCostUSD !== undefined]);
    let check = this.checks.get(key);
    if (!check) this.checks.set(key, (check = this.checkAlone(execution)));
    return check;
  };
}
