import express from 'express';
import { allowedMethods } from './allowed-methods.js';

const app = express();
const handler = () => undefined;
app.use('/things', handler);
app.all('/{*path}', handler);
app.get('/things', handler);
app.post('/things', handler);
app.get('/things/first', handler);
app.delete('/things/:id', handler);
app.options('/things/:id', handler);
app.propfind('/things/:id', handler);
app.all('/every', handler);
app.route('/whole').all(handler);
app.get('/', handler);
app.get('/*path', handler);
app.get('/{*path}', handler);

it.each([
  ['/things', 'GET, HEAD, POST, OPTIONS'],
  ['/Things/', 'GET, HEAD, POST, OPTIONS'],
  ['/things/first', 'GET, HEAD, DELETE, PROPFIND, OPTIONS'],
  ['/things/1', 'DELETE, PROPFIND, OPTIONS'],
  ['/things/%zz', ''],
  ['/things/1/2', ''],
  ['/', 'GET, HEAD, OPTIONS'],
  ['/every', ''],
  ['/whole', ''],
  ['/nowhere', ''],
  ['*', ''],
])('the routes of %s allow %j', (path, allowed) => {
  expect(allowedMethods({ app, path }).join(', ')).toBe(allowed);
});
