import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';

/** The script as an operator runs it. */
function run(
  args: string[],
  env: Record<string, string> = {},
): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, ['scripts/slack-manifest.ts', ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
  });
  const said = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (said.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said.err += chunk.toString()));
  return new Promise((resolve) => {
    child.once('close', (code) => resolve({ code, ...said }));
  });
}

test('the manifest for HTTP names the public address three times, and nothing else is printed', async () => {
  const { code, out, err } = await run([], { PUBLIC_URL: 'https://abw.example.com/' });
  expect([code, err]).toEqual([0, '']);
  const manifest = JSON.parse(out);
  const events = 'https://abw.example.com/slack/events';
  expect(manifest.settings.event_subscriptions.request_url).toBe(events);
  expect(manifest.settings.interactivity.request_url).toBe(events);
  expect(manifest.features.slash_commands[0]).toMatchObject({ command: '/abet', url: events });
  expect(manifest.oauth_config.redirect_urls).toEqual(['https://abw.example.com/slack/oauth_redirect']);
  expect(manifest.settings.socket_mode_enabled).toBe(false);
});

test('--url stands above PUBLIC_URL', async () => {
  const { out } = await run(['--url', 'https://other.example.com'], { PUBLIC_URL: 'https://abw.example.com' });
  expect(out).toContain('https://other.example.com/slack/events');
  expect(out).not.toContain('abw.example.com');
});

test('an address that Slack does not send to is printed with a word of warning beside it', async () => {
  const { code, out, err } = await run([]);
  expect(code).toBe(0);
  expect(JSON.parse(out).settings.socket_mode_enabled).toBe(false);
  expect(err).toContain('https addresses only');
});

test('--socket needs no address and says nothing of one', async () => {
  const { code, out, err } = await run(['--socket']);
  expect([code, err]).toEqual([0, '']);
  expect(JSON.parse(out).settings.socket_mode_enabled).toBe(true);
  expect(out).not.toContain('http');
});

test.each([
  [['--sockets'], "Unknown option '--sockets'"],
  [['https://abw.example.com'], "Unexpected argument 'https://abw.example.com'"],
  [['--url'], "'--url <value>' argument missing"],
  [['--url', 'abw.example.com'], 'PUBLIC_URL must be an http:// or https:// address'],
])('%j is refused in words, without a manifest and without a stack', async (args, words) => {
  const { code, out, err } = await run(args);
  expect([code, out, err]).toEqual([1, '', expect.stringContaining(words)]);
  expect(err).not.toMatch(/\bat .*:\d+/);
});
