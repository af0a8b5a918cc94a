import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { createSlackApi, type SlackApi } from '#activities/chat/slack/api.ts';
import { createRespond } from '#activities/chat/slack/respond.ts';
import { REDIRECT_PATH, slackManifest } from '#activities/chat/render/slack/manifest.ts';
import { createSlackReceiver, type SlackReceiver } from '#bots/slack/receiver.ts';
import type { Config } from '#core/config.ts';
import { errorText, UserError } from '#core/errors.ts';
import type { KeyRing } from '#core/keys.ts';
import { actorText } from '#core/roles.ts';
import type { Database } from '#db/client.ts';
import { findInstallation, removeInstallation } from '#db/slack-installations.ts';
import { beginInstall, takeState } from '#db/slack-states.ts';
import type { SlackSetup } from '#web/slack.ts';
import type { Client } from '#workflows/client.ts';

interface Deps {
  config: Config;
  db: Database;
  keys: KeyRing;
  log: Logger;
}
const REGISTER_AGAIN_MS = 30_000;
const LOOK_WITHIN_MS = 2_000;

export const isSlackOn = (config: Config): boolean =>
  Boolean(config.SLACK_SIGNING_SECRET ?? config.SLACK_APP_TOKEN ?? config.SLACK_BOT_TOKEN ?? config.SLACK_CLIENT_ID);

/** Slack's ears: the door for the web role, and the socket for the bots role. */
export function startHearing(deps: Deps & { client: Client; slack: SlackApi }): SlackReceiver {
  return createSlackReceiver({ ...deps, respond: createRespond(deps.config) });
}

/** Registers the environment's token as the first org's workspace, and tries again until Slack answers. Returns how to stop. */
export function registerWorkspace({ slack, log }: { slack: SlackApi; log: Logger }): () => Promise<void> {
  const over = new AbortController();
  const registering = (async () => {
    while (!over.signal.aborted) {
      const state = await slack.ensureEnv().catch((error: unknown) => {
        log.warn({ error: errorText(error) }, 'the workspace of SLACK_BOT_TOKEN is not registered');
        return 'unreachable' as const;
      });
      if (state === 'ready' || state === 'off') return;
      await pause(REGISTER_AGAIN_MS, undefined, { signal: over.signal }).catch(() => undefined);
    }
  })();
  return async () => {
    over.abort();
    await registering;
  };
}

/** What the panel's page does with Slack. */
export function createSlackSetup({
  config,
  db,
  keys,
  slack,
  ears,
}: Deps & { slack: SlackApi; ears: Pick<SlackReceiver, 'socketProblem'> | null }): SlackSetup {
  const redirectUri = `${config.publicUrl}${REDIRECT_PATH}`;
  const secret = config.SLACK_STATE_SECRET;
  return {
    hears: [
      ...(config.SLACK_SIGNING_SECRET ? (['http'] as const) : []),
      ...(config.SLACK_APP_TOKEN ? (['socket'] as const) : []),
    ],
    hasToken: config.SLACK_BOT_TOKEN !== undefined,
    canInstall: config.SLACK_CLIENT_ID !== undefined,
    problems: async () => ({
      // A Slack that does not answer must not keep the page: what it says later is there next time.
      botToken: await Promise.race([slack.envProblem(), pause(LOOK_WITHIN_MS, null, { ref: false })]),
      appToken: ears?.socketProblem() ?? null,
    }),
    manifest: (mode) => JSON.stringify(slackManifest({ publicUrl: config.publicUrl, mode }), null, 2),
    begin: async ({ orgId, memberId }) => {
      const { state, challenge } = await db.withOrg(orgId, (org) => beginInstall(org, keys, { memberId, secret }));
      return slack.installUrl({ state, challenge, redirectUri });
    },
    finish: async (actor, { code, state }) => {
      const { orgId, memberId } = actor;
      const { verifier } = await db.withOrg(orgId, (org) => takeState(org, keys, { state, memberId, secret }));
      const grant = await slack.exchange(code, verifier, redirectUri);
      const { tenant } = await db.withOrg(orgId, (org) => slack.install(org, grant, actor));
      slack.forget({ orgId, tenant });
      return { tenant };
    },
    check: async (at) => {
      const found = await slack.checkInstallation(at);
      return found.ok
        ? { isOk: true, text: `Slack answers: the bot is ${found.botUser} in ${found.team}`, missing: found.missing }
        : { isOk: false, text: found.problem, missing: found.missing };
    },
    remove: async (actor, tenant) => {
      const at = { orgId: actor.orgId, tenant };
      const found = await db.withOrg(actor.orgId, (org) => findInstallation(org, tenant));
      if (!found) throw new UserError('There is no such workspace.', { status: 404 });
      if (found.source === 'env')
        throw new UserError('Its token comes from SLACK_BOT_TOKEN. Unset that and start the server again.', {
          status: 409,
        });
      // Told while there is a token; Slack may be away or the app gone already, and that keeps nothing here.
      await slack.call(at, 'auth.revoke', {}).catch(() => undefined);
      await db.withOrg(actor.orgId, (org) =>
        removeInstallation(org, tenant, 'uninstalled', {
          actor: actorText(actor),
          problem: 'Disconnected in the panel. Press Add to Slack to connect it again.',
        }),
      );
      slack.forget(at);
    },
  };
}

export const openSlack = (deps: Deps): SlackApi => createSlackApi(deps);
