/** What the app asks of a workspace, in one place: the manifest, the installation and the set-up page's test read it. */
export const BOT_SCOPES = [
  'app_mentions:read',
  'assistant:write',
  'channels:history',
  'channels:read',
  'chat:write',
  'commands',
  'files:read',
  'files:write',
  'groups:history',
  'groups:read',
  'im:history',
  'im:read',
  'im:write',
  'mpim:history',
  'mpim:read',
  'users:read',
] as const;

/** An admin may refuse these: without the addresses nobody is matched by e-mail. */
export const OPTIONAL_SCOPES = ['users:read.email'] as const;

export const BOT_EVENTS = [
  // The native Stop button shows only where this is heard.
  'agent_session_stopped',
  'app_context_changed',
  'app_home_opened',
  'app_mention',
  'app_uninstalled',
  'message.channels',
  'message.groups',
  'message.im',
  'message.mpim',
  'tokens_revoked',
  // Who has become a guest or was deactivated may not ask any more.
  'user_change',
] as const;

export const SLASH_COMMAND = '/abet';

/** By callback id. */
export const SHORTCUTS = { global: 'abet_ask', message: 'abet_ask_message' } as const;

/** Where Slack delivers everything, below the public address. */
export const EVENTS_PATH = '/slack/events';
export const REDIRECT_PATH = '/slack/oauth_redirect';

/** Of a manifest, in characters or pieces (Slack's app manifest reference). */
export const MANIFEST_LIMITS = { name: 35, description: 140, agentDescription: 300, prompts: 4 } as const;

/** Shown to whoever opens a direct message with the app. Each is answered by every model, the rule-based one too. */
export const PROMPTS = [
  { title: 'What can you do?', message: 'What can you do?' },
  { title: 'What waits for a decision?', message: 'Which approvals are waiting?' },
  { title: 'What is under way?', message: 'What is running?' },
];

export interface ManifestChoice {
  /** Where the product is reached from outside, without a slash at its end. Socket Mode needs it only for installing from the panel. */
  publicUrl: string;
  mode: 'http' | 'socket';
}

/** The app's manifest, for "Create an app from a manifest" at api.slack.com/apps. Slack asks for https addresses; other ones are left out with Socket Mode. */
export function slackManifest({ publicUrl, mode }: ManifestChoice) {
  const base = publicUrl.replace(/\/+$/, '');
  const events = `${base}${EVENTS_PATH}`;
  const isHttp = mode === 'http';
  const hasRedirect = isHttp || base.startsWith('https://');
  return {
    _metadata: { major_version: 2, minor_version: 1 },
    display_information: {
      name: 'Abetworks',
      description: 'Does work in your systems when asked, and asks before it acts.',
      background_color: '#1f2937',
    },
    features: {
      app_home: { home_tab_enabled: true, messages_tab_enabled: true, messages_tab_read_only_enabled: false },
      agent_view: {
        agent_description:
          'Ask Abetworks to look things up and to act in your connected systems. What has an effect waits for the approval of a person, in the thread.',
        suggested_prompts: PROMPTS,
      },
      bot_user: { display_name: 'abetworks', always_online: true },
      shortcuts: [
        { type: 'global', name: 'Ask Abetworks', callback_id: SHORTCUTS.global, description: 'Ask for something' },
        {
          type: 'message',
          name: 'Ask about this',
          callback_id: SHORTCUTS.message,
          description: 'Ask Abetworks about this message',
        },
      ],
      slash_commands: [
        {
          command: SLASH_COMMAND,
          ...(isHttp ? { url: events } : {}),
          description: 'Ask for something in plain words',
          usage_hint: '[request] | help | status | approvals | stop | connect',
          // People and channels arrive by their ids.
          should_escape: true,
        },
      ],
    },
    oauth_config: {
      ...(hasRedirect ? { redirect_urls: [`${base}${REDIRECT_PATH}`] } : {}),
      scopes: { bot: [...BOT_SCOPES, ...OPTIONAL_SCOPES], bot_optional: [...OPTIONAL_SCOPES] },
    },
    settings: {
      event_subscriptions: { ...(isHttp ? { request_url: events } : {}), bot_events: [...BOT_EVENTS] },
      interactivity: {
        is_enabled: true,
        ...(isHttp ? { request_url: events, message_menu_options_url: events } : {}),
      },
      org_deploy_enabled: true,
      socket_mode_enabled: !isHttp,
      // Once on it stays on; tokens that expire are kept fresh all the same.
      token_rotation_enabled: false,
    },
  };
}
