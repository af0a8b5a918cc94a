import { createHash } from 'node:crypto';
import { afterAll, expect, test } from 'vitest';
import { clientOf, outcome } from './client.ts';
import { createDoor, startSlack } from './index.ts';

const door = await createDoor();
const one = await startSlack({ door, team: { id: 'T0ONE000001', name: 'One' }, rotation: true, pkce: true });
const two = await startSlack({ door, team: { id: 'T0TWO000001', name: 'Two' } });
afterAll(async () => {
  await one.stop();
  await two.stop();
});
const redirect_uri = 'http://127.0.0.1:1/slack/oauth_redirect';
const nobody = clientOf(one, '');
const app = { client_id: one.clientId, client_secret: one.clientSecret };

async function agree(team: string, more: Record<string, string> = {}) {
  const asked = new URLSearchParams({ client_id: one.clientId, redirect_uri, state: 's-1', team, ...more });
  const answer = await fetch(`${one.authorizeUrl}?${asked.toString()}`, { redirect: 'manual' });
  const back = new URL(answer.headers.get('location') ?? '');
  expect(back.searchParams.get('state')).toBe('s-1');
  return back.searchParams.get('code') ?? '';
}

test('consent gives a code that is good once, for its redirect and its verifier', async () => {
  const verifier = 'v'.repeat(50);
  const code_challenge = createHash('sha256').update(verifier).digest('base64url');
  const code = await agree(one.teamId, {
    code_challenge,
    code_challenge_method: 'S256',
    scope: 'chat:write,users:read',
  });
  const args = { ...app, code, redirect_uri, code_verifier: verifier };
  const exchange = (more: object) => nobody.oauth.v2.access({ ...args, ...more });
  expect(await outcome(exchange({ client_secret: 'no' }))).toBe('bad_client_secret');
  expect(await outcome(exchange({ redirect_uri: 'http://evil.test' }))).toBe('bad_redirect_uri');
  expect(await outcome(exchange({ code_verifier: 'other' }))).toBe('invalid_code_verifier');
  const got = await exchange({});
  expect(got).toMatchObject({
    team: { id: 'T0ONE000001' },
    bot_user_id: one.botUserId,
    is_enterprise_install: false,
    expires_in: 43_200,
    scope: 'chat:write,users:read',
  });
  expect(await outcome(exchange({}))).toBe('code_already_used');
  expect((await clientOf(one, got.access_token).auth.test()).team_id).toBe('T0ONE000001');
});

test('an app that is not switched to PKCE may send no verifier, and its code is good without', async () => {
  const code = await agree(two.teamId, { code_challenge: 'c', code_challenge_method: 'S256' });
  const args = { client_id: two.clientId, client_secret: two.clientSecret, code, redirect_uri };
  const exchange = (more: object) => nobody.oauth.v2.access({ ...args, ...more });
  expect(await outcome(exchange({ code_verifier: 'v' }))).toBe('pkce_not_allowed');
  expect((await exchange({})).team?.id).toBe(two.teamId);
});

test('a refresh token is good once', async () => {
  const got = await nobody.oauth.v2.access({ ...app, redirect_uri, code: await agree(one.teamId) });
  const refresh = () =>
    nobody.oauth.v2.access({ ...app, grant_type: 'refresh_token', refresh_token: String(got.refresh_token) });
  const next = await refresh();
  expect(next.refresh_token).not.toBe(got.refresh_token);
  expect((await clientOf(one, next.access_token).auth.test()).ok).toBe(true);
  expect(await outcome(refresh())).toBe('invalid_refresh_token');
});

test('two workspaces behind one door answer for themselves', async () => {
  expect((await clientOf(two).auth.test()).team_id).toBe('T0TWO000001');
  await clientOf(two).chat.postMessage({ channel: two.channels.general, text: 'two' });
  expect([one.messages('general').length, two.messages('general').length]).toEqual([0, 1]);
  expect(await outcome(clientOf(two).chat.postMessage({ channel: one.channels.general, text: 'x' }))).toBe(
    'channel_not_found',
  );
  const file = one.addFile({ name: 'a.txt', bytes: 'one' });
  const crossed = await fetch(file['url_private'], {
    headers: { authorization: `Bearer ${two.token()}` },
    redirect: 'manual',
  });
  expect(crossed.status).toBe(302);
});

test('revoking says so to the app, and the token is dead', async () => {
  const held = two.hold();
  const client = clientOf(two);
  await client.auth.revoke();
  expect(held.envelopes.map((envelope) => envelope['event'].type)).toEqual(['tokens_revoked']);
  expect(await outcome(client.auth.test())).toBe('token_revoked');
});
