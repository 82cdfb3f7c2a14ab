/** Reads Prometheus' text format, version 0.0.4, strictly: throws on any line that the format does not allow. */
export class Exposition {
  readonly types = new Map<string, string>();
  private readonly samples = new Map<string, number>();

  constructor(text: string) {
    if (!text.endsWith('\n')) throw new Error('the last line must end with a line feed');
    for (const line of text.split('\n')) {
      if (line === '' || /^# HELP [a-zA-Z_:][\w:]* [^\n]+$/.test(line)) continue;
      const type = /^# TYPE ([a-zA-Z_:][\w:]*) (counter|gauge|histogram|summary|untyped)$/.exec(line);
      if (type) {
        if (this.types.has(type[1]!)) throw new Error(`a second TYPE line: ${line}`);
        this.types.set(type[1]!, type[2]!);
        continue;
      }
      const sample = /^([a-zA-Z_:][\w:]*)(\{(.*)\})? (-?[\d.]+(?:e[+-]?\d+)?|[+-]Inf|Nan)$/i.exec(line);
      if (!sample) throw new Error(`not in the format: ${line}`);
      const [, name = '', , labels = '', value = ''] = sample;
      if (!/^([a-zA-Z_]\w*="(\\[\\"n]|[^\\"\n])*",?)*$/.test(labels))
        throw new Error(`malformed labels: ${line}`);
      const family = name.replace(/_(bucket|sum|count)$/, '');
      if (!this.types.has(name) && this.types.get(family) !== 'histogram')
        throw new Error(`a sample without a type: ${line}`);
      const key = `${name}{${labels
        .split(/,(?=[a-zA-Z_]\w*=")/)
        .toSorted()
        .join(',')}}`;
      if (this.samples.has(key)) throw new Error(`a second sample with these labels: ${line}`);
      this.samples.set(key, Number(value));
    }
  }

  /** Returns the value of a sample; undefined if there is none. */
  value(name: string, labels: Record<string, string> = {}): number | undefined {
    const text = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    return this.samples.get(`${name}{${text.toSorted().join(',')}}`);
  }

  /** Returns the sum of all samples with this name, over all labels. */
  total(name: string): number {
    let sum = 0;
    for (const [key, value] of this.samples) if (key.startsWith(`${name}{`)) sum += value;
    return sum;
  }

  /** Returns all values of a label. */
  labelValues(label: string): Set<string> {
    const found = [...this.samples.keys()].flatMap(
      (key) => new RegExp(`[{,]${label}="([^"]*)"`).exec(key)?.[1] ?? [],
    );
    return new Set(found);
  }
}
