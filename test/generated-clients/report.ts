/** What each program reports about the server, so that one test can compare them. */
export interface Report {
  /** Status of a started execution, and the location that its answer named. */
  started: { status: string; location: string | null };
  /** Ids in a list by two statuses: whether the started execution is one of them. */
  isListed: boolean;
  /** The problem for an execution that does not exist. */
  problem: { status: number; code: string };
  /** Paths of the errors of a body that is not valid. */
  invalid: string[];
  /** A key: its scopes, how many keys there are with it, and the status of its removal. */
  key: { scopes: string[]; isListed: boolean; revoked: number };
  /** Types of the frames of the stream of the execution, in order, each once. */
  frames: string[];
}

/** The server and the credential, which the test gives to the program. */
export const [, , url = '', apiKey = ''] = process.argv;
export const UNKNOWN_ID = '0199c0de-0000-7000-8000-00000000ffff';

export const WORKFLOW = {
  nodes: [{ id: 'answer', type: 'agent', data: { config: { model: 'demo/echo', prompt: 'Hello' } } }],
  edges: [],
};

/** Returns `data` of each frame in the text of a stream. */
export const framesIn = (text: string): unknown[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line): unknown => JSON.parse(line.slice('data: '.length)));

export const distinct = (types: readonly string[]): string[] => [...new Set(types)];

export const report = (result: Report): void => console.log(JSON.stringify(result));
