/** Content codings of streams. */
export type Coding = 'gzip' | 'identity';

/**
 * Chooses the coding for a client (RFC 9110, section 12.5.3): gzip if the client accepts it and does not prefer plain
 * bytes. A client that accepts neither gets plain bytes.
 * @param header the value of Accept-Encoding; several headers are joined by commas
 */
export function codingFor(header: string | undefined): Coding {
  const weights = parse(header ?? '');
  const gzip = weights.get('gzip') ?? weights.get('x-gzip') ?? weights.get('*') ?? 0;
  // Plain bytes are acceptable unless refused. Where the header does not name them, gzip is preferred.
  const identity = weights.get('identity') ?? 0;
  return gzip > 0 && gzip >= identity ? 'gzip' : 'identity';
}

function parse(header: string): ReadonlyMap<string, number> {
  const weights = new Map<string, number>();
  for (const item of header.toLowerCase().split(',')) {
    const [coding = '', ...parameters] = item.split(';').map((parameter) => parameter.trim());
    const q = parameters.find((parameter) => /^q\s*=/.test(parameter));
    // An invalid weight counts as a refusal, because every client can read plain bytes.
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
