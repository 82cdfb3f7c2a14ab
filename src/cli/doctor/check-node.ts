import { type CheckResult, failed, ok } from './check-result.js';

const MIN_MAJOR = 24;

export function checkNode(): CheckResult {
  const { node } = process.versions;
  return Number(node.split('.')[0]) >= MIN_MAJOR
    ? ok('Node', node)
    : failed('Node', `${node} is too old: install Node ${MIN_MAJOR} or newer`);
}
