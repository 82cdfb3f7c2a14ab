import jsonata from 'jsonata';
import { parentPort, workerData } from 'node:worker_threads';

const { expression, data } = workerData as { expression: string; data: unknown };
try {
  const result: unknown = await jsonata(expression).evaluate(data);
  parentPort?.postMessage({ json: JSON.stringify(result ?? null) });
} catch (error) {
  const { message, code } = error as { message?: string; code?: string };
  parentPort?.postMessage({ error: [code, message].filter(Boolean).join(': ') });
}
