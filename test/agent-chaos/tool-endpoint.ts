import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { FaultController } from './faults.ts';
import type { ScriptedCall, ToolName } from './script.ts';

/** One request, as the endpoint of a tool saw it. */
export interface ToolRequest {
  caseId: string;
  tool: ToolName;
  key: string | undefined;
  args: ScriptedCall['args'];
  /** Whether the whole answer was sent. */
  answered: boolean;
}

/** The endpoints of the tools of all cases: `/<case>/<tool>`. The result depends on the arguments only. */
export class ToolEndpoint {
  readonly requests: ToolRequest[] = [];
  private readonly server: Server;

  constructor(private readonly faults: FaultController) {
    this.server = createServer((request, response) => void this.answer(request, response));
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  of(caseId: string): ToolRequest[] {
    return this.requests.filter((request) => request.caseId === caseId);
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, this.url);
    const [, caseId = '', tool = ''] = url.pathname.split('/');
    const body = await text(request);
    const args = (
      request.method === 'GET'
        ? Object.fromEntries(
            [...url.searchParams].map(([name, value]) => [name, name === 'text' ? value : Number(value)]),
          )
        : JSON.parse(body)
    ) as ScriptedCall['args'];
    const record: ToolRequest = {
      caseId,
      tool: tool as ToolName,
      key: request.headers['idempotency-key'] as string | undefined,
      args,
      answered: false,
    };
    this.requests.push(record);
    const fault = this.faults.take(caseId, args.round, 'tool', args.index);
    if (fault?.kind === 'reset') {
      response.socket?.resetAndDestroy();
      return;
    }
    if (fault?.kind === 'idle') return;
    if (fault?.kind === 'hold') await this.faults.hold(caseId);
    if (response.destroyed) return;
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ done: tool, of: args }));
    record.answered = true;
  }
}
