import { Agent, request } from 'node:http';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { KEY } from './build.ts';

const PAUSE_MS = 50;
const TRIES = 200;

/** Starts executions on several processes, in turn. A start that one process does not accept is sent to the next one. */
export class StartClient {
  /** Starts that were not accepted at the first try, by reason. Each is counted for every try. */
  readonly refused: Record<string, number> = {};
  private readonly urls: readonly string[];
  private readonly body: string;
  private readonly agent = new Agent({ keepAlive: true });
  private turn = 0;

  /** @param start the body of each start */
  constructor(urls: readonly string[], start: object) {
    this.urls = urls;
    this.body = JSON.stringify(start);
  }

  /** Starts an execution. @returns its id, and the number of tries. @throws when no process has accepted it for some seconds */
  async start(): Promise<{ id: string; tries: number }> {
    const key = randomUUID();
    for (let tries = 1; tries <= TRIES; tries += 1) {
      const answer = await this.post(this.urls[this.turn++ % this.urls.length]!, key);
      if (answer.id !== undefined) return { id: answer.id, tries };
      this.refused[answer.reason] = (this.refused[answer.reason] ?? 0) + 1;
      if (tries % this.urls.length === 0) await sleep(PAUSE_MS);
    }
    throw new Error('no process accepted the start');
  }

  close(): void {
    this.agent.destroy();
  }

  private post(url: string, key: string): Promise<{ id: string } | { id?: undefined; reason: string }> {
    const headers = {
      authorization: `Bearer ${KEY}`,
      'content-type': 'application/json',
      'idempotency-key': key,
    };
    return new Promise((resolve) => {
      const call = request(
        `${url}/api/executions`,
        { method: 'POST', headers, agent: this.agent },
        (answer) => {
          let text = '';
          answer.setEncoding('utf8').on('data', (data: string) => (text += data));
          answer.on('error', () => resolve({ reason: 'answer cut off' }));
          answer.on('end', () => {
            if (answer.statusCode === 202) resolve({ id: (JSON.parse(text) as { id: string }).id });
            else resolve({ reason: `status ${answer.statusCode}` });
          });
        },
      );
      call.on('error', (error: NodeJS.ErrnoException) => resolve({ reason: error.code ?? error.message }));
      call.end(this.body);
    });
  }
}
