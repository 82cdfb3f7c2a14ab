/**
 * The path of the server in the URL, without a slash at its end: empty, or a path such as `/agents` if the server runs
 * inside another application. The server writes it into the page. There is no document in tests of the logic alone.
 */
export const BASE_PATH: string = globalThis.document?.documentElement.dataset.base ?? '';
