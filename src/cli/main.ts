import { EXIT } from './exit-codes.js';
import { cloutagent } from './program.js';

// A reader that closes the pipe early, such as head, has all that it wants.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok);
    throw error;
  });

try {
  process.loadEnvFile();
} catch {
  // `serve` and `doctor` report a file .env that cannot be read; other commands work without it.
}

const exitCode = await cloutagent(process.argv.slice(2), {
  environment: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
});
if (exitCode !== undefined) process.exitCode = exitCode;
