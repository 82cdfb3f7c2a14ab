import { createServer } from 'node:net';
import type { Settings } from '../../config/settings.js';
import { type CheckResult, failed, ok } from './check-result.js';

/** Checks whether a server could listen on PORT, by listening there for a moment. */
export async function checkPort({
  PORT: port,
  HOST: host,
}: Pick<Settings, 'PORT' | 'HOST'>): Promise<CheckResult> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
    return ok('Port', `${host}:${port} is free`);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'EADDRINUSE')
      return failed('Port', `${host}:${port} cannot be used (${message}): set PORT or HOST to another one`);
    return (await isCloutAgent(host, port))
      ? ok('Port', `a CloutAgent server listens on ${host}:${port}`)
      : failed(
          'Port',
          `another program listens on ${host}:${port}: stop it, or set PORT, for example PORT=3001`,
        );
  } finally {
    server.close();
  }
}

async function isCloutAgent(host: string, port: number): Promise<boolean> {
  const address = host.includes(':') ? `[${host}]` : host === '0.0.0.0' ? '127.0.0.1' : host;
  try {
    const response = await fetch(`http://${address}:${port}/health/live`, {
      signal: AbortSignal.timeout(2_000),
    });
    return ((await response.json()) as { status?: unknown }).status === 'ok';
  } catch {
    return false;
  }
}
