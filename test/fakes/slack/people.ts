import type { Method, World } from './world.ts';
import { failure, textOf, type Json } from './words.ts';

function shown(world: World, row: Json): Json {
  const { flags = {} } = row;
  const mayEmail = world.scopes.includes('users:read.email') && row['email'] && !flags.is_stranger;
  return {
    id: row['user_id'],
    team_id: row['team_id'],
    name: row['name'],
    deleted: row['deleted'],
    real_name: row['real_name'],
    tz: 'Europe/Berlin',
    tz_label: 'Central European Time',
    tz_offset: 3600,
    profile: {
      display_name: row['name'],
      real_name: row['real_name'],
      team: row['team_id'],
      ...(mayEmail ? { email: row['email'] } : {}),
    },
    is_admin: row['is_admin'],
    is_primary_owner: false,
    is_bot: row['is_bot'],
    is_app_user: false,
    updated: 1_767_225_600,
    ...flags,
    ...(world.settled.enterprise
      ? { enterprise_user: { enterprise_id: world.settled.enterprise.id, id: row['user_id'], teams: [row['team_id']] } }
      : {}),
  };
}

const info: Method = (world, args) => {
  const row = world.rows.users.findOneBy('user_id', textOf(args['user']));
  return row ? { ok: true, user: shown(world, row) } : failure('user_not_found');
};

const lookupByEmail: Method = (world, args) => {
  const row = world.rows.users
    .all()
    .find((one) => one['email'] === args['email'] && !one['deleted'] && !one['flags']?.is_stranger);
  return row ? { ok: true, user: shown(world, row) } : failure('users_not_found');
};

const authTest: Method = (world) => {
  const { settled } = world;
  return {
    ok: true,
    url: `https://${settled.domain}.slack.com/`,
    team: settled.teamName,
    user: settled.botName,
    team_id: settled.teamId,
    user_id: settled.botUserId,
    bot_id: settled.botId,
    is_enterprise_install: settled.isEnterpriseInstall,
    ...(settled.enterprise ? { enterprise_id: settled.enterprise.id } : {}),
  };
};

/** The channels the bot is in. */
const conversations: Method = async (world, args) => {
  const answer = await world.emulate('conversations.list', args);
  if (!answer['ok']) return answer;
  return { ...answer, channels: answer['channels'].filter((channel: Json) => channel['is_member']) };
};

export const peopleMethods: Record<string, Method> = {
  'users.conversations': conversations,
  'api.test': (_world, args) => ({ ok: true, args }),
  'auth.test': authTest,
  'users.info': info,
  'users.lookupByEmail': lookupByEmail,
  'users.list': (world) => ({ ok: true, members: world.rows.users.all().map((row) => shown(world, row)) }),
  'team.info': (world, args) => {
    const { teamId: id, teamName: name, domain } = world.settled;
    return args['team'] && args['team'] !== id ? failure('team_not_found') : { ok: true, team: { id, name, domain } };
  },
};
