import { expect, test } from 'vitest';
import { createGuard } from './target.ts';

const open = createGuard([], undefined);

test.each([
  'file:///etc/passwd',
  'file://127.0.0.1/etc/passwd',
  'gopher://127.0.0.1:6379/_INFO',
  'data:text/plain,hi',
  'ftp://example.com/',
  'ws://example.com/',
  'javascript:alert(1)',
  'blob:https://example.com/1',
  'unix:/var/run/docker.sock',
  'http+unix://%2Fvar%2Frun%2Fdocker.sock/info',
  'http://unix:/var/run/docker.sock:/info',
  '/var/run/docker.sock',
  '//example.com/',
  'example.com',
  'http://',
  '',
])('%s is not called', (url) => {
  expect(() => open.target(url)).toThrow(expect.objectContaining({ name: 'EgressError', kind: 'blocked' }));
});

test('a user name or password in an address is refused and not repeated', () => {
  expect(() => open.target('https://me:secret@example.com/')).toThrow(
    /^The address of example\.com holds .* credential/,
  );
  expect(() => open.target('https://me@example.com/')).toThrow(expect.objectContaining({ kind: 'blocked' }));
});

test('a changed URL object is checked as it is now', () => {
  const url = new URL('https://example.com/');
  url.hostname = '127.0.0.1';
  expect(() => open.target(url)).toThrow(expect.objectContaining({ kind: 'blocked' }));
});

test('a refusal says what to do: the allow list for a private place, another address for the rest', () => {
  expect(() => open.target('http://10.1.2.3:8080/x?token=s3cret')).toThrow(
    '10.1.2.3:8080 is inside the network, where requests may not go. If it should be reached, whoever runs this server adds "10.1.2.3:8080" to ABETWORKS_EGRESS_ALLOW.',
  );
  expect(() => open.target('http://169.254.169.254/latest')).toThrow(
    /^169\.254\.169\.254:80 is not a public address(?!.*ABETWORKS)/,
  );
});

test('the allow list admits exactly host and port', () => {
  const guard = createGuard(['127.0.0.1:8080', 'erp.intra:80', '[::1]:9', 'LOCALHOST:7000'], undefined);
  const admitted = [
    'http://127.0.0.1:8080/',
    'http://0x7f000001:8080/',
    'http://erp.intra/',
    'http://[::1]:9/',
    'https://localhost.:7000/',
  ];
  expect(admitted.filter((url) => !guard.target(url).allowed)).toEqual([]);
  const others = [
    'http://127.0.0.1:8081/',
    'http://127.0.0.2:8080/',
    'https://127.0.0.1/',
    'http://localhost:8080/',
    'http://[::1]:90/',
  ];
  for (const url of others) expect(() => guard.target(url)).toThrow(expect.objectContaining({ kind: 'blocked' }));
  expect(guard.target('https://erp.intra.example/').allowed).toBe(false);
});

test('an allowed name may stand for a private address, another name may not', () => {
  const guard = createGuard(['erp.example:443'], undefined);
  expect(() => guard.checkAddresses(guard.target('https://erp.example/'), ['10.0.0.5'])).not.toThrow();
  expect(() => guard.checkAddresses(guard.target('https://erp.example/'), ['not an address'])).toThrow('public');
  expect(() => guard.checkAddresses(guard.target('https://crm.example/'), ['10.0.0.5'])).toThrow(
    'ABETWORKS_EGRESS_ALLOW',
  );
  expect(() => guard.checkAddresses(guard.target('https://crm.example/'), ['8.8.8.8', '10.0.0.5'])).toThrow('inside');
});

test("only the connection's own hosts are called", () => {
  const guard = createGuard([], ['api.example.com', 'files.example.com:8443']);
  for (const url of ['https://api.example.com/x', 'https://API.example.com./', 'https://files.example.com:8443/']) {
    expect(() => guard.target(url)).not.toThrow();
  }
  const others = [
    'https://evil.example/',
    'https://api.example.com.evil.example/',
    'https://api.example.com:8443/',
    'https://files.example.com/',
  ];
  for (const url of others) expect(() => guard.target(url)).toThrow(/does not belong to this connection/);
  expect(() => createGuard([], []).target('https://api.example.com/')).toThrow('does not belong');
});

test.each(['localhost', '*:80', 'http://a:80', 'a:80/x', ':80', '', 'a b:80', '::1', 'u@a:80'])(
  'the allow entry "%s" is refused',
  (entry) => {
    expect(() => createGuard([entry], undefined)).toThrow(`"${entry}" is not host:port.`);
  },
);
