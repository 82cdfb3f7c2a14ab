/**
 * Whether a text has only visible ASCII characters and no spaces, so that it can be sent as the value of an HTTP header.
 */
export const isVisibleAscii = (text: string): boolean => /^[\x21-\x7e]*$/.test(text);
