const SSL_REQUEST = 80_877_103;
const CANCEL_REQUEST = 80_877_102;
/** After a message of these types the server answers: simple query, and sync of an extended one. */
const ENDS_STATEMENT = new Set(['Q'.charCodeAt(0), 'S'.charCodeAt(0)]);

/**
 * Reads what a client sends to PostgreSQL (protocol 3.0, "Message Formats") as far as faults need it: the
 * application name of the startup packet, and how many statements are complete.
 */
export class FrontendReader {
  /** Undefined until the startup packet is complete. */
  applicationName: string | undefined;
  /** Statements that have been sent to their last byte. */
  statements = 0;
  private startup = Buffer.alloc(0);
  private header = Buffer.alloc(0);
  private bodyLeft = 0;
  private type = 0;

  feed(data: Buffer): void {
    let rest = data;
    if (this.applicationName === undefined) rest = this.feedStartup(rest);
    while (rest.length > 0) rest = this.feedMessage(rest);
  }

  /** @returns what comes after the startup packet */
  private feedStartup(data: Buffer): Buffer {
    this.startup = Buffer.concat([this.startup, data]);
    while (this.startup.length >= 8) {
      const length = this.startup.readInt32BE(0);
      if (this.startup.length < length) break;
      const code = this.startup.readInt32BE(4);
      const packet = this.startup.subarray(8, length);
      this.startup = this.startup.subarray(length);
      // The startup packet follows once the server has answered.
      if (code === SSL_REQUEST) continue;
      this.applicationName =
        code === CANCEL_REQUEST ? '(cancel)' : (parameters(packet)['application_name'] ?? '');
      return this.startup;
    }
    return Buffer.alloc(0);
  }

  /** @returns what comes after this message, or after the part of it that is here */
  private feedMessage(data: Buffer): Buffer {
    if (this.bodyLeft > 0) {
      const part = Math.min(this.bodyLeft, data.length);
      this.bodyLeft -= part;
      if (this.bodyLeft === 0) this.ended();
      return data.subarray(part);
    }
    const missing = 5 - this.header.length;
    this.header = Buffer.concat([this.header, data.subarray(0, missing)]);
    if (this.header.length === 5) {
      this.type = this.header.readUInt8(0);
      this.bodyLeft = this.header.readInt32BE(1) - 4;
      this.header = Buffer.alloc(0);
      if (this.bodyLeft === 0) this.ended();
    }
    return data.subarray(missing);
  }

  private ended(): void {
    if (ENDS_STATEMENT.has(this.type)) this.statements += 1;
  }
}

/** Names and values, each with a zero byte after it. */
function parameters(packet: Buffer): Record<string, string> {
  const parts = packet.toString().split('\0');
  const found: Record<string, string> = {};
  for (let index = 0; index + 1 < parts.length; index += 2) {
    const name = parts[index]!;
    if (name !== '') found[name] = parts[index + 1]!;
  }
  return found;
}
