// Loaded before the server (`--import`): its wall clock goes back by an hour at each SIGUSR2. The monotonic clock, by which
// timers and `performance.now()` go, stays as it is, as it does when an operator or NTP sets a clock.
const STEP_MS = 3_600_000;
const RealDate = Date;
let steps = 0;

const now = () => RealDate.now() - steps * STEP_MS;
globalThis.Date = new Proxy(RealDate, {
  construct: (target, given, newTarget) =>
    Reflect.construct(target, given.length === 0 ? [now()] : given, newTarget),
  apply: () => new RealDate(now()).toString(),
  get: (target, name, receiver) => (name === 'now' ? now : Reflect.get(target, name, receiver)),
});
process.on('SIGUSR2', () => {
  steps += 1;
  console.log(`the wall clock was set back, ${steps}`);
});
