import { expect, test } from 'vitest';
import { readConfig } from './config.ts';

/** The lines below the title. */
function problemsOf(env: Record<string, string>): string[] {
  try {
    readConfig(env);
    return [];
  } catch (error) {
    const [title, ...lines] = error instanceof Error ? error.message.split('\n') : [];
    return title === 'Settings need a correction:' ? lines.map((line) => line.trim()) : [String(error)];
  }
}

test('with nothing set it runs locally', () => {
  expect(readConfig({})).toMatchObject({
    PORT: 3000,
    HOST: '127.0.0.1',
    ABETWORKS_DATA_DIR: '.data',
    publicUrl: 'http://127.0.0.1:3000',
    ABETWORKS_EGRESS_ALLOW: [],
    isProduction: false,
  });
});

test.each([
  ['PORT', 'abc', 'must be a port number from 1 to 65535'],
  ['PORT', '', 'must be a port number from 1 to 65535'],
  ['PORT', '65536', 'must be a port number from 1 to 65535'],
  ['PORT', '80.5', 'must be a port number from 1 to 65535'],
  ['HOST', ' ', 'is set but empty; unset it or give it a value'],
  ['PUBLIC_URL', 'ftp://x', 'must be an http:// or https:// address'],
  ['PUBLIC_URL', 'example.com', 'must be an http:// or https:// address'],
  ['ABETWORKS_DATA_DIR', '', 'is set but empty; unset it or give it a value'],
  ['ABETWORKS_EMBEDDED_DB', 'yes', 'must be 0 or 1'],
  ['DATABASE_URL', 'mysql://a@b/c', 'must look like postgres://user:password@host:5432/name'],
  ['DATABASE_URL', '', 'must look like postgres://user:password@host:5432/name'],
  ['DATABASE_POOL_MAX', '1', 'must be a number from 2 to 100'],
  ['DATABASE_POOL_MAX', 'many', 'must be a number from 2 to 100'],
  ['TEMPORAL_ADDRESS', 'http://temporal:7233', 'must be host:port'],
  ['TEMPORAL_NAMESPACE', '', 'is set but empty; unset it or give it a value'],
  [
    'ABETWORKS_KEYS',
    'k1',
    'must be id:base64,… with 32-byte keys and different ids; make one with: openssl rand -base64 32',
  ],
  ['ABETWORKS_BOOTSTRAP_KEY', 'abw_short', 'must be abw_ and at least 16 letters, digits, - or _'],
  ['ABETWORKS_OWNER_EMAIL', 'ana', 'must be an e-mail address'],
  ['ABETWORKS_EGRESS_ALLOW', 'example.com, b', 'must be a list of host:port'],
  ['ABETWORKS_MODEL', 'gpt', 'must be provider/model, such as anthropic/claude-haiku-5-5'],
  ['ABETWORKS_LOG_LEVEL', 'loud', 'must be debug, info, warn, error or silent'],
  ['ANTHROPIC_API_KEY', '', 'is set but empty; unset it or give it a value'],
  ['ANTHROPIC_BASE_URL', 'localhost', 'must be an http:// or https:// address'],
])('%s=%j is refused in one clear line', (name, value, problem) => {
  expect(problemsOf({ [name]: value })).toEqual([`${name} ${problem}`]);
});

test('all mistakes are listed at once, contradictions too', () => {
  expect(
    problemsOf({
      NODE_ENV: 'production',
      PORT: 'abc',
      ABETWORKS_OWNER_PASSWORD: 'long enough',
      ABETWORKS_MODEL: 'anthropic/claude-haiku-4-5, openai/gpt-5',
      ANTHROPIC_API_KEY: 'key',
    }),
  ).toEqual([
    'PORT must be a port number from 1 to 65535',
    'DATABASE_URL must be set in production (or set ABETWORKS_EMBEDDED_DB=1 to accept the embedded server)',
    'ABETWORKS_KEYS must be set in production: k1:$(openssl rand -base64 32)',
    'ABETWORKS_OWNER_EMAIL must be set together with ABETWORKS_OWNER_PASSWORD',
    'OPENAI_API_KEY must be set for ABETWORKS_MODEL=openai/gpt-5',
  ]);
  expect(problemsOf({ ABETWORKS_EMBEDDED_DB: '0' })).toEqual(['DATABASE_URL must be set when ABETWORKS_EMBEDDED_DB=0']);
});

test('a mistake never repeats a secret', () => {
  const secret = 'canary-0c6e';
  const problems = problemsOf({
    ABETWORKS_KEYS: secret,
    ABETWORKS_BOOTSTRAP_KEY: secret,
    DATABASE_URL: `mysql://a:${secret}@b/c`,
    ABETWORKS_OWNER_PASSWORD: 'x',
  });
  expect(problems.length).toBeGreaterThanOrEqual(4);
  expect(problems.join()).not.toContain(secret);
});

test('lists are read without their blanks; an IPv6 host is written as an address', () => {
  const config = readConfig({ ABETWORKS_EGRESS_ALLOW: ' a:1 , [::1]:2,', HOST: '::1', PORT: '80' });
  expect(config.ABETWORKS_EGRESS_ALLOW).toEqual(['a:1', '[::1]:2']);
  expect(config.publicUrl).toBe('http://[::1]:80');
  expect(readConfig({ PUBLIC_URL: 'https://abetworks.example.com/' }).publicUrl).toBe('https://abetworks.example.com');
});
