/** How PostgreSQL has arrays of a type on the wire (array_recv in its arrayfuncs.c): with this OID (pg_type.dat). */
const OIDS = { int4: 23, text: 25, uuid: 2950 } as const;
const HEAD_BYTES = 20;
const UUID_BYTES = 16;

/*
 * The parameters of an append are written as PostgreSQL has them in memory. As text, each event is searched for quotes and
 * copied here, and searched and copied again there: a quarter of all that an append costs.
 */

/** Writes an `int4[]`. */
export function int4Array(values: readonly (number | null)[]): Buffer {
  const bytes = arrayOf('int4', values.length, 8 * values.length);
  let at = HEAD_BYTES;
  for (const value of values) {
    if (value === null) at = bytes.writeInt32BE(-1, at);
    else at = bytes.writeInt32BE(value, bytes.writeInt32BE(4, at));
  }
  return at === bytes.length ? bytes : bytes.subarray(0, at);
}

/** Writes a `text[]`. */
export function textArray(values: readonly string[]): Buffer {
  const lengths = values.map((value) => Buffer.byteLength(value));
  const bytes = arrayOf(
    'text',
    values.length,
    lengths.reduce((sum, length) => sum + 4 + length, 0),
  );
  let at = HEAD_BYTES;
  values.forEach((value, index) => {
    at = bytes.writeInt32BE(lengths[index]!, at);
    at += bytes.write(value, at);
  });
  return bytes;
}

/** Writes a `uuid[]`. Equal ids that follow each other are read once. */
export function uuidArray(values: readonly string[]): Buffer {
  const bytes = arrayOf('uuid', values.length, values.length * (4 + UUID_BYTES));
  let at = HEAD_BYTES;
  values.forEach((value, index) => {
    at = bytes.writeInt32BE(UUID_BYTES, at);
    if (index > 0 && value === values[index - 1]) bytes.copy(bytes, at, at - 4 - UUID_BYTES, at - 4);
    else if (bytes.write(value.replaceAll('-', ''), at, 'hex') !== UUID_BYTES)
      throw new Error(`${value} is no UUID`);
    at += UUID_BYTES;
  });
  return bytes;
}

/** One dimension, counted from 1; the elements follow. */
function arrayOf(type: keyof typeof OIDS, length: number, bytes: number): Buffer {
  const array = Buffer.allocUnsafe(HEAD_BYTES + bytes);
  // Whether it holds NULL is told for each element, too; PostgreSQL only checks that the flag is one.
  [1, 0, OIDS[type], length, 1].forEach((value, index) => array.writeInt32BE(value, 4 * index));
  return array;
}
