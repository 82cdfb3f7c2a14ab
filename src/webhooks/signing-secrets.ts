import { createHmac, randomBytes } from 'node:crypto';

const PREFIX = 'whsec_';
const SECRET_BYTES = 32;

/** Makes a signing secret in the form of Standard Webhooks 1.0: `whsec_` and 32 random bytes as base64. */
export const newSecret = (): string => PREFIX + randomBytes(SECRET_BYTES).toString('base64');

/**
 * Makes the value of the header `webhook-signature`: a signature by each secret, separated by spaces.
 * @param timestamp of the header `webhook-timestamp`, in seconds
 */
export function signatures(
  secrets: readonly string[],
  messageId: string,
  timestamp: number,
  body: string,
): string {
  const content = `${messageId}.${timestamp}.${body}`;
  return secrets
    .map((secret) => {
      const key = Buffer.from(secret.slice(PREFIX.length), 'base64');
      return `v1,${createHmac('sha256', key).update(content).digest('base64')}`;
    })
    .join(' ');
}
