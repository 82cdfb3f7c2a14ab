import { StreamProviderError } from 'ai';

type Fields = Readonly<Record<string, unknown>>;

/**
 * Makes an error of what a provider sends as an error in the middle of a stream: `{ type, message }`, perhaps inside `error`,
 * or inside `response.error` (OpenAI Responses). What has no message stays as it is.
 */
export function streamError(error: unknown): unknown {
  const outer = fieldsOf(error);
  if (error instanceof Error || !outer) return error;
  const details = fieldsOf(fieldsOf(outer['response'])?.['error']) ?? fieldsOf(outer['error']) ?? outer;
  const { message } = details;
  if (typeof message !== 'string') return error;
  const find = <T>(name: string, isFit: (value: unknown) => value is T): T | undefined =>
    [details[name], outer[name]].find(isFit);
  const type = find('type', isText);
  const code = find('code', isTextOrNumber);
  const statusCode = [
    find('statusCode', isStatus),
    find('status', isStatus),
    isStatus(code) ? code : undefined,
  ].find((status) => status !== undefined);
  return new StreamProviderError({
    message,
    ...(type !== undefined && { type }),
    ...(code !== undefined && { code }),
    ...(statusCode !== undefined && { statusCode }),
    data: error,
  });
}

const fieldsOf = (value: unknown): Fields | undefined =>
  typeof value === 'object' && value !== null ? (value as Fields) : undefined;
const isText = (value: unknown): value is string => typeof value === 'string';
const isTextOrNumber = (value: unknown): value is string | number =>
  isText(value) || typeof value === 'number';
const isStatus = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 400 && value <= 599;
