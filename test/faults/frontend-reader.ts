const SSL_REQUEST = 80_877_103;
const CANCEL_REQUEST = 80_877_102;
/** PostgreSQL answers after a message of these types: a simple query, or the sync of an extended one. */
const ENDS_STATEMENT = new Set(['Q'.charCodeAt(0), 'S'.charCodeAt(0)]);

/**
 * Reads a client's messages to PostgreSQL (protocol 3.0, "Message Formats") as far as the faults need them: the
 * application name of the startup packet, and the number of complete statements.
 */
export class FrontendReader {
  /** Undefined until the startup packet is complete. */
  applicationName: string | undefined;
  /** How many statements were sent completely. */
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

  /** @returns the data after the startup packet */
  private feedStartup(data: Buffer): Buffer {
    this.startup = Buffer.concat([this.startup, data]);
    while (this.startup.length >= 8) {
      const length = this.startup.readInt32BE(0);
      if (this.startup.length < length) break;
      const code = this.startup.readInt32BE(4);
      const packet = this.startup.subarray(8, length);
      this.startup = this.startup.subarray(length);
      // The startup packet follows after the server's answer.
      if (code === SSL_REQUEST) continue;
      this.applicationName =
        code === CANCEL_REQUEST ? '(cancel)' : (parameters(packet)['application_name'] ?? '');
      return this.startup;
    }
    return Buffer.alloc(0);
  }

  /** @returns the data after this message, or after the part of it that has arrived */
  private feedMessage(data: Buffer): Buffer {
    if (this.bodyLeft > 0) {
      const part = Math.min(this.bodyLeft, data.length);
      this.bodyLeft -= part;
      if (this.bodyLeft === 0) this.completeMessage();
      return data.subarray(part);
    }
    const missing = 5 - this.header.length;
    this.header = Buffer.concat([this.header, data.subarray(0, missing)]);
    if (this.header.length === 5) {
      this.type = this.header.readUInt8(0);
      this.bodyLeft = this.header.readInt32BE(1) - 4;
      this.header = Buffer.alloc(0);
      if (this.bodyLeft === 0) this.completeMessage();
    }
    return data.subarray(missing);
  }

  private completeMessage(): void {
    if (ENDS_STATEMENT.has(this.type)) this.statements += 1;
  }
}

/** Parses names and values that each end with a zero byte. */
function parameters(packet: Buffer): Record<string, string> {
  const parts = packet.toString().split('\0');
  const found: Record<string, string> = {};
  for (let index = 0; index + 1 < parts.length; index += 2) {
    const name = parts[index]!;
    if (name !== '') found[name] = parts[index + 1]!;
  }
  return found;
}
