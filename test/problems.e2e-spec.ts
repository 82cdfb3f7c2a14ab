import { Logger } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { inspect } from 'node:util';
import zlib, { gzipSync } from 'node:zlib';
import { admin, type Answer, bootOnNewDatabase, call, JSON_TYPE } from './support/auth-app.js';

const { jest } = import.meta;

let app: NestExpressApplication;
let url: string;
beforeAll(async () => {
  ({ app, url } = await bootOnNewDatabase());
});
afterAll(() => app.close());

describe('a problem', () => {
  const post = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
    call(`${url}/api/things`, { method: 'POST', headers: { ...admin, ...JSON_TYPE, ...headers }, body });
  const nested = (depth: number) => `{"name":"n","x":${'['.repeat(depth)}${']'.repeat(depth)}}`;

  it('has the members of RFC 9457, a code and the request id', async () => {
    const { status, headers, body } = await call(`${url}/api/nowhere?secret=1`);
    expect(headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(body).toEqual({
      type: 'about:blank',
      title: 'Not Found',
      status,
      detail: expect.any(String),
      code: 'route_not_found',
      instance: '/api/nowhere',
      requestId: headers.get('x-request-id'),
    });
  });

  it.each<[string, () => Promise<Answer>, number, string]>([
    ['malformed JSON', () => post('{"name":'), 400, 'malformed_json'],
    ['a body that is not UTF-8', () => post(Uint8Array.of(0x22, 0xff, 0x22)), 400, 'malformed_json'],
    ['half a UTF-8 character', () => post(Uint8Array.of(0x22, 0xc3, 0x22)), 400, 'malformed_json'],
    ['a body above the limit', () => post(`"${'x'.repeat(2_000_000)}"`), 413, 'body_too_large'],
    [
      'a gzip bomb',
      () =>
        post(gzipSync(`"${'x'.repeat(20_000_000)}"`), {
          'content-encoding': 'gzip',
        }),
      413,
      'body_too_large',
    ],
    [
      'an unknown content encoding',
      () => post('{}', { 'content-encoding': 'pigeon' }),
      415,
      'unsupported_encoding',
    ],
    ['a gzip body that is not gzip', () => post('{}', { 'content-encoding': 'gzip' }), 400, 'malformed_body'],
    [
      'an unknown charset',
      () => post('{}', { 'content-type': 'application/json; charset=klingon' }),
      415,
      'unsupported_charset',
    ],
    [
      'an unknown charset that starts with utf',
      () => post('{}', { 'content-type': 'application/json; charset=utf-9' }),
      415,
      'unsupported_charset',
    ],
    [
      'a content type without a charset value',
      () => post('{}', { 'content-type': 'application/json; charset=' }),
      201,
      '',
    ],
    [
      'a form',
      () => post('a=b', { 'content-type': 'application/x-www-form-urlencoded' }),
      415,
      'unsupported_media_type',
    ],
    ['JSON that is nested too deep', () => post(nested(50_000)), 400, 'validation_failed'],
    [
      'a malformed percent-encoding',
      () => call(`${url}/api/keys/%FF`, { headers: admin }),
      400,
      'malformed_url',
    ],
    ['an exception in a handler', () => call(`${url}/api/things/broken`), 500, 'internal_error'],
    ['a thrown null', () => call(`${url}/api/things/thrown/null`), 500, 'internal_error'],
    ['a thrown string', () => call(`${url}/api/things/thrown/text`), 500, 'internal_error'],
  ])('has the right code and leaks nothing for %s', async (_name, make, status, code) => {
    const answer = await make();
    if (code === '') return expect(answer.status).toBeLessThan(500);
    expect([answer.status, answer.code]).toEqual([status, code]);
    expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(answer.text).not.toMatch(/passwd|node_modules|\.ts:|\.js:| at /);
    return undefined;
  });

  it('names the setting that limits the body', async () => {
    expect((await post(`"${'x'.repeat(2_000_000)}"`)).body.detail).toContain('BODY_MAX_BYTES');
  });

  it('lists the content encodings that the server accepts', async () => {
    const { detail } = (await post('{}', { 'content-encoding': 'pigeon' })).body;
    expect(detail).toContain('createZstdDecompress' in zlib ? 'deflate, br or zstd' : 'deflate or br');
  });

  it('asks for UTF-8 when the body is not', async () => {
    expect((await post(Uint8Array.of(0x22, 0xff, 0x22))).body.detail).toContain('Send JSON in UTF-8');
  });

  it('is sent only for JSON below the maximum depth', async () => {
    expect((await post(nested(31))).status).toBe(201);
    expect((await post(nested(32))).code).toBe('validation_failed');
  });

  it('lists every wrong path of a body', async () => {
    const { body } = await post(JSON.stringify({ nodes: [{ id: 'a' }, {}, { id: 1 }] }));
    expect(body.errors.map(({ path }) => path)).toEqual(['name', 'nodes.1.id', 'nodes.2.id']);
  });

  it('lists at most 100 wrong paths', async () => {
    const many = await post(JSON.stringify({ name: 'n', nodes: Array.from({ length: 5_000 }, () => ({})) }));
    expect(many.body.errors).toHaveLength(100);
  });

  it.each(['null', '1', '"text"', '[]', 'false'])(
    'has the code validation_failed for the JSON body %s',
    async (body) => expect((await post(body)).code).toBe('validation_failed'),
  );

  it('for an unknown error comes with a log line that has the request id and no query', async () => {
    const lines: string[] = [];
    const log = jest
      .spyOn(Logger.prototype, 'error')
      .mockImplementation((...line: unknown[]) => void lines.push(inspect(line)));
    await call(`${url}/api/things/broken?ticket=secret`, { headers: { 'x-request-id': 'find-me' } });
    log.mockRestore();
    expect(lines.join('\n')).toContain('find-me');
    expect(lines.join('\n')).toContain('/etc/passwd');
    expect(lines.join('\n')).not.toContain('ticket');
  });

  it('is not sent for a stream that has ended, which is 204', async () => {
    const response = await fetch(`${url}/api/things/ended`);
    expect([response.status, await response.text(), response.headers.get('content-type')]).toEqual([
      204,
      '',
      null,
    ]);
  });
});
