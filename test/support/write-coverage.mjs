// Loaded into a server whose coverage is measured (`--import`): a killed process writes none, so it writes it before.
import { takeCoverage } from 'node:v8';

process.on('SIGWINCH', () => {
  takeCoverage();
  process.kill(process.pid, 'SIGKILL');
});
