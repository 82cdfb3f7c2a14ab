// Preloaded into a server (`node --import`): prints when it reached each stage of its start, in ms since the epoch.
import { subscribe } from 'node:diagnostics_channel';

const now = () => performance.timeOrigin + performance.now();
const times = { boot: performance.timeOrigin + performance.nodeTiming.bootstrapComplete };

// main() first loads the .env file. At that moment every module has been imported.
const loadEnvFile = process.loadEnvFile.bind(process);
process.loadEnvFile = (...args) => {
  times.main ??= now();
  return loadEnvFile(...args);
};
// The first connection of the server goes to the database.
subscribe('net.client.socket', () => (times.connect ??= now()));
subscribe('tracing:net.server.listen:asyncEnd', () => {
  times.listen ??= now();
  console.log(`start times ${JSON.stringify(times)};`);
});
