import { runServer } from '../run-server.js';

const [command, ...others] = process.argv.slice(2);
if (command === 'serve' && others.length === 0) await runServer(process.env, []);
else {
  console.error('Usage: cloutagent serve');
  process.exitCode = 2;
}
