// C0 but tab and line feed, DEL, C1, and what turns the direction of text (Unicode UAX #9).
// oxlint-disable-next-line no-control-regex -- they are what this is about
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Text with its invisible signs written out, so that what is read is what is there. */
export const visibleText = (text: string): string =>
  text.replace(HIDDEN, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);
