// Preloaded into a server (`--import`): measures how long its event loop is blocked, and reports it on a port of its own,
// which it prints.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const TICK_MS = 1;
/** Returns the CPU time of this thread only, so that other work on the machine does not count. */
const cpuMs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
};

let [at, cpu] = [performance.now(), cpuMs()];
let longest = { wallMs: 0, cpuMs: 0 };
setInterval(() => {
  const [now, used] = [performance.now(), cpuMs()];
  longest = {
    wallMs: Math.max(longest.wallMs, now - at - TICK_MS),
    cpuMs: Math.max(longest.cpuMs, used - cpu),
  };
  [at, cpu] = [now, used];
}, TICK_MS).unref();

/** Answers with the longest stall since the last answer. */
const server = createServer((_request, response) => {
  response.setHeader('Connection', 'close');
  response.end(JSON.stringify(longest));
  longest = { wallMs: 0, cpuMs: 0 };
});
server.listen(0, '127.0.0.1', () => {
  console.log(`the loop probe listens on ${(server.address() as AddressInfo).port}`);
});
server.unref();
