// Preloaded into a server (`node --import`): prints when it reached each stage of its start, in ms since the epoch.
import { subscribe } from 'node:diagnostics_channel';

const now = () => performance.timeOrigin + performance.now();
const times = { boot: performance.timeOrigin + performance.nodeTiming.bootstrapComplete };

// The first thing that main() does: by then every module has been imported.
const loadEnvFile = process.loadEnvFile.bind(process);
process.loadEnvFile = (...args) => {
  times.main ??= now();
  return loadEnvFile(...args);
};
// The first connection that it makes is to the database.
subscribe('net.client.socket', () => (times.connect ??= now()));
subscribe('tracing:net.server.listen:asyncEnd', () => {
  times.listen ??= now();
  console.log(`start times ${JSON.stringify(times)};`);
});
