// The program of the processes that evaluate JSONata; TransformWorkers starts them.
import { readFileSync } from 'node:fs';
import { createContext, Script } from 'node:vm';

/** What a process is asked to do. */
interface Job {
  expression: string;
  /** JSON. */
  document: string;
  mostBytes: number;
}

// Named by the parent: this process may not look for it.
const file = process.argv[2] as string;
const library = new Script(readFileSync(file, 'utf8'), { filename: file });
const asModule = new Script('var module = { exports: {} }, exports = module.exports;');
const evaluation = new Script(`(async () => {
  const result = await module.exports(expression, { stack: 1000 }).evaluate(JSON.parse(document));
  const isFunction = (value) => typeof value === 'function' || value?._jsonata_lambda || value?._jsonata_function;
  return JSON.stringify(result ?? null, (_key, value) => {
    if (isFunction(value)) throw { message: 'its result holds a function' };
    return value;
  });
})()`);

/** Evaluates in a realm of its own, so that nothing one expression does is there for the next. */
async function evaluate({
  expression,
  document,
  mostBytes,
}: Job): Promise<{ json: string } | { error: string }> {
  try {
    const context = createContext({ expression, document, window: { atob, btoa } });
    asModule.runInContext(context);
    library.runInContext(context);
    const json = (await evaluation.runInContext(context)) as string;
    if (Buffer.byteLength(json) > mostBytes)
      return { error: `its result is longer than ${mostBytes} bytes (OUTPUT_MAX_BYTES)` };
    return { json };
  } catch (error) {
    const { code, message } = error as { code?: string; message?: string };
    return { error: [code, message?.slice(0, 500)].filter(Boolean).join(': ') || 'unknown error' };
  }
}

process.on('message', (job: Job) => {
  void evaluate(job).then((outcome) => process.send?.(outcome));
});
// Nobody is left to ask.
process.on('disconnect', () => process.exit());
process.send?.({ ready: true });
