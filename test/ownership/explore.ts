// Explores the ownership protocol and prints the result:
//   node test/ownership/explore.ts [fault=count ...] [together=count] [rule=value ...] [shortcuts=false]
// for example `crashes=1 failovers=1`, or `lostAnswers=1 reassertReleasesForgotten=false`.
import { explore } from './model.ts';
import { type Bounds, NO_FAULTS, PROTOCOL } from './rules.ts';

const DEFAULT_FAULTS = { crashes: 2, falseDeaths: 2, lostAnswers: 2, handOvers: 1, together: 2 };

const given: Partial<Bounds> = {};
const rules: Record<string, string | boolean> = { ...PROTOCOL };
let shortcuts: boolean | undefined;
for (const argument of process.argv.slice(2)) {
  const [name = '', value = ''] = argument.split('=');
  const parsed = value === 'true' || value === 'false' ? value === 'true' : value;
  if (name === 'shortcuts') shortcuts = value === 'true';
  else if (name in NO_FAULTS || name === 'together') given[name as keyof Bounds] = Number(value);
  else if (name in rules) rules[name] = parsed;
  else throw new Error(`there is no fault and no rule "${name}"; see rules.ts`);
}
const faults = Object.keys(given).length > 0 ? given : DEFAULT_FAULTS;
const isProtocol = Object.entries(PROTOCOL).every(([name, value]) => rules[name] === value);
shortcuts ??= isProtocol && !('failovers' in faults);

const began = performance.now();
const found = explore(faults, rules, { shortcuts });
const seconds = ((performance.now() - began) / 1000).toFixed(1);
console.log(`faults: ${JSON.stringify(faults)}, shortcuts: ${shortcuts}`);
console.log(`${found.states} states, ${found.steps} steps, depth ${found.depth}, ${seconds} s`);
console.log(found.violated === undefined ? 'all invariants hold' : `VIOLATED: ${found.violated}`);
for (const [index, name] of found.trace.entries()) console.log(`${String(index + 1).padStart(3)}. ${name}`);
