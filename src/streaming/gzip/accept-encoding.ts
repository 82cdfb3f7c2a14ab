/** Codings that a stream can be sent with. */
export type Coding = 'gzip' | 'identity';

/**
 * Which coding a client wants (RFC 9110, section 12.5.3): gzip if it is accepted and nothing says that plain bytes are
 * liked better. A client that accepts neither gets plain bytes.
 * @param header Accept-Encoding, several of them joined by commas
 */
export function codingFor(header: string | undefined): Coding {
  const weights = parse(header ?? '');
  const gzip = weights.get('gzip') ?? weights.get('x-gzip') ?? weights.get('*') ?? 0;
  // Plain bytes are always accepted unless refused, and come last when not named.
  const identity = weights.get('identity') ?? 0;
  return gzip > 0 && gzip >= identity ? 'gzip' : 'identity';
}

function parse(header: string): ReadonlyMap<string, number> {
  const weights = new Map<string, number>();
  for (const item of header.toLowerCase().split(',')) {
    const [coding = '', ...parameters] = item.split(';').map((part) => part.trim());
    const q = parameters.find((parameter) => /^q\s*=/.test(parameter));
    // What is no weight counts as a refusal: plain bytes are right for everybody.
    const weight =
      q === undefined
        ? 1
        : /^q\s*=\s*(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(q)
          ? Number(q.split('=')[1])
          : 0;
    if (coding) weights.set(coding, weight);
  }
  return weights;
}
