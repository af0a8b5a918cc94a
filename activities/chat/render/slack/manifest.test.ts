import { expect, test } from 'vitest';
import { readCommand } from '#activities/models/rules/commands.ts';
import {
  BOT_EVENTS,
  BOT_SCOPES,
  MANIFEST_LIMITS,
  OPTIONAL_SCOPES,
  PROMPTS,
  SHORTCUTS,
  slackManifest,
} from './manifest.ts';

const http = slackManifest({ publicUrl: 'https://abw.example/', mode: 'http' });
const socket = slackManifest({ publicUrl: 'http://127.0.0.1:3000', mode: 'socket' });

test('the manifest stays within Slack’s limits', () => {
  for (const { display_information: display, features } of [http, socket]) {
    expect(display.name.length).toBeLessThanOrEqual(MANIFEST_LIMITS.name);
    expect(display.description.length).toBeLessThanOrEqual(MANIFEST_LIMITS.description);
    expect(features.agent_view.agent_description.length).toBeLessThanOrEqual(MANIFEST_LIMITS.agentDescription);
    expect(features.agent_view.suggested_prompts.length).toBeLessThanOrEqual(MANIFEST_LIMITS.prompts);
    expect(features.slash_commands.length).toBeLessThanOrEqual(50);
    expect(features.shortcuts.length).toBeLessThanOrEqual(10);
  }
});

test('what the app suggests to ask is understood without any AI model', () => {
  expect(http.features.agent_view.suggested_prompts).toBe(PROMPTS);
  expect(PROMPTS.map(({ message }) => readCommand(message))).toEqual(['help', 'approvals', 'status']);
});

test('over HTTP everything comes to one address below the public one, and installs come back to it', () => {
  const events = 'https://abw.example/slack/events';
  expect(http.settings).toMatchObject({
    event_subscriptions: { request_url: events },
    interactivity: { is_enabled: true, request_url: events },
    socket_mode_enabled: false,
  });
  expect(http.features.slash_commands).toMatchObject([{ command: '/abet', url: events, should_escape: true }]);
  expect(http.oauth_config.redirect_urls).toEqual(['https://abw.example/slack/oauth_redirect']);
});

test('in Socket Mode no address is named, except where an install may come back to over https', () => {
  expect(JSON.stringify(socket)).not.toMatch(/_url|"url"/);
  expect(socket.settings.socket_mode_enabled).toBe(true);
  const reachable = slackManifest({ publicUrl: 'https://abw.example', mode: 'socket' });
  expect(reachable.oauth_config.redirect_urls).toHaveLength(1);
  expect(reachable.settings.event_subscriptions).not.toHaveProperty('request_url');
});

test('it asks for what the app uses: the stop button, people who change, and the address of people only if the admin agrees', () => {
  expect(http.settings.event_subscriptions.bot_events).toEqual([...BOT_EVENTS]);
  for (const event of [
    'agent_session_stopped',
    'user_change',
    'app_mention',
    'message.im',
    'tokens_revoked',
    'app_uninstalled',
  ])
    expect(BOT_EVENTS).toContain(event);
  expect(http.oauth_config.scopes).toEqual({
    bot: [...BOT_SCOPES, ...OPTIONAL_SCOPES],
    bot_optional: ['users:read.email'],
  });
  // Nothing is done with these: reactions never decide (RULES A7), and nobody reads a workspace's profile.
  for (const scope of ['users:read.email', 'reactions:read', 'reactions:write', 'team:read'])
    expect(BOT_SCOPES).not.toContain(scope);
  expect(BOT_EVENTS).not.toContain('member_joined_channel');
  expect(http.features.shortcuts.map(({ callback_id }) => callback_id)).toEqual([SHORTCUTS.global, SHORTCUTS.message]);
  expect(SHORTCUTS).toEqual({ global: 'abet_ask', message: 'abet_ask_message' });
  expect(http.features).not.toHaveProperty('assistant_view');
});
