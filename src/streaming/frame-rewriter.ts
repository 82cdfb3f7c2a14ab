const LINE_END = 0x0a;
const ID = 'id: '.length;
const DATA = '\ndata: {';

/** A frame of one execution's stream, cut where a stream of many has other words. */
export interface CutFrame {
  readonly sequence: number;
  /** The event's type and the beginning of its data. */
  readonly head: Buffer;
  /** The rest of its data. */
  readonly tail: Buffer;
}

/** The frames in a buffer that `encodeEvent` made: each has an id, a type and one line of data that is an object. */
export function* framesOf(body: Buffer): Generator<CutFrame> {
  for (let at = 0; at < body.length;) {
    const idEnd = body.indexOf(LINE_END, at);
    const cut = body.indexOf(DATA, idEnd) + DATA.length;
    const end = body.indexOf('\n\n', cut) + 2;
    yield {
      sequence: Number(body.toString('latin1', at + ID, idEnd)),
      head: body.subarray(idEnd + 1, cut),
      tail: body.subarray(cut, end),
    };
    at = end;
  }
}
