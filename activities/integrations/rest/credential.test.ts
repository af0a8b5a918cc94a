import { expect, test } from 'vitest';
import { parseWith } from '#activities/integrations/connector.ts';
import { hideCredential, withCredential, zRestCredential } from './credential.ts';

const request = { url: 'https://erp.example/a?b=c%20d', headers: { Accept: '*/*', authorization: 'mine' } };

test('each kind of credential goes where it belongs', () => {
  expect(withCredential(request, { type: 'none' })).toEqual(request);
  expect(withCredential(request, { type: 'bearer', token: 't' }).headers).toEqual({
    Accept: '*/*',
    Authorization: 'Bearer t',
  });
  expect(withCredential(request, { type: 'basic', username: 'ä', password: 'p:w' }).headers['Authorization']).toBe(
    `Basic ${Buffer.from('ä:p:w').toString('base64')}`,
  );
  expect(withCredential(request, { type: 'header', name: 'ACCEPT', value: 'v' }).headers).toEqual({
    authorization: 'mine',
    ACCEPT: 'v',
  });
  expect(withCredential(request, { type: 'query', name: 'k', value: 'v&w' }).url).toBe(
    'https://erp.example/a?b=c%20d&k=v%26w',
  );
  expect(withCredential(request, { type: 'query', name: 'b', value: 'v' }).url).toBe('https://erp.example/a?b=v');
});

test('left out, the credential is none', () => {
  expect(parseWith(zRestCredential, undefined)).toEqual({ type: 'none' });
});

test.for([
  [{ type: 'bearer', token: 'secret1\r\nHost: evil' }, 'credential.token'],
  [{ type: 'bearer' }, 'credential.token'],
  [{ type: 'bearer', token: 'a', extra: 1 }, 'credential'],
  [{ type: 'basic', username: 'secret1:b', password: '' }, 'credential.username'],
  [{ type: 'basic', username: 'a', password: 'secret1\n' }, 'credential.password'],
  [{ type: 'header', name: 'Host', value: 'x' }, 'credential.name'],
  [{ type: 'header', name: 'content-length', value: 'x' }, 'credential.name'],
  [{ type: 'header', name: 'Transfer-Encoding', value: 'x' }, 'credential.name'],
  [{ type: 'header', name: 'Idempotency-Key', value: 'x' }, 'credential.name'],
  [{ type: 'header', name: 'X Key', value: 'x' }, 'credential.name'],
  [{ type: 'header', name: 'X-Key', value: 'secret1\nX: y' }, 'credential.value'],
  [{ type: 'query', name: 'k', value: 'secret1\n' }, 'credential.value'],
  [{ type: 'magic' }, 'credential.type'],
] as const)('a credential that cannot be sent is refused, without repeating it: %j', ([credential, field]) => {
  let thrown: unknown;
  try {
    parseWith(zRestCredential, credential, 'credential');
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toMatchObject({ name: 'UserError', status: 422, field });
  expect(String(thrown)).not.toContain('secret1');
});

test('a credential that the other side repeats is hidden', () => {
  expect(hideCredential({ type: 'bearer', token: 'sk-12345678' })('no such key sk-12345678!')).toBe(
    'no such key [credential]!',
  );
  const basic = hideCredential({ type: 'basic', username: 'user', password: 'password1' });
  expect(basic(`Basic ${Buffer.from('user:password1').toString('base64')} password1`)).toBe(
    'Basic [credential] [credential]',
  );
});
