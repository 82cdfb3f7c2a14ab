import 'reflect-metadata';
import { Deprecated, type Deprecation } from './deprecated.decorator.js';

const link = 'https://docs.example.com/moved';

it.each<[Deprecation, string]>([
  [{ since: 'soon', link }, 'since is "soon". Write a date as ISO 8601'],
  [{ since: '2027-13-01', link }, 'since is "2027-13-01"'],
  [{ since: '1 March 2027', link }, 'since is "1 March 2027"'],
  [{ since: '2027-03-01', sunset: '', link }, 'sunset is ""'],
  [{ since: '2027-03-01', sunset: '2027-02-28', link }, 'is before since'],
  [{ since: '2027-03-01', link: '/moved' }, 'link is "/moved". Give the URL'],
])('@Deprecated(%j) throws an error that says what to do', (deprecation, message) => {
  expect(() => Deprecated(deprecation)).toThrow(message);
});
