import { requireNodeVersion } from '../../common/node-version.js';
import { type CheckResult, failed, ok } from './check-result.js';

export function checkNode(): CheckResult {
  try {
    requireNodeVersion();
    return ok('Node', process.versions.node);
  } catch (error) {
    return failed('Node', (error as Error).message);
  }
}
