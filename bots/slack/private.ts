import { noticeModal, privateLine } from '#activities/chat/render/slack/index.ts';
import { errorText, PlatformFailure } from '#core/errors.ts';
import type { SlackBotDeps } from './deps.ts';
import type { Spot } from './click.ts';

/**
 * Tells one person something that nobody else sees, outside the channel's budget (RULES A7): by the interaction's own URL, else beside the message, else in a
 * modal. What cannot be told is logged, and lost.
 */
export async function tell(deps: SlackBotDeps, spot: Spot, text: string): Promise<void> {
  for (const way of [byUrl, inChannel, inModal]) {
    try {
      if (await way(deps, spot, text)) return;
    } catch (error) {
      if (!(error instanceof PlatformFailure)) throw error;
      deps.log.info({ orgId: spot.orgId, way: way.name, error: errorText(error) }, 'could not tell privately');
    }
  }
}

type Way = (deps: SlackBotDeps, spot: Spot, text: string) => Promise<boolean>;

const byUrl: Way = async ({ respond }, { responseUrl, thread }, text) => {
  if (responseUrl === null) return false;
  const where = thread === null ? {} : { thread_ts: thread };
  await respond(responseUrl, {
    ...privateLine(text),
    ...where,
    response_type: 'ephemeral',
    // The card stays as it is: it is edited from the recorded decision only.
    replace_original: false,
  });
  return true;
};

const inChannel: Way = async ({ slack }, { orgId, tenant, channel, thread, userId }, text) => {
  if (channel === null) return false;
  const where = thread === null ? {} : { thread_ts: thread };
  await slack.call({ orgId, tenant }, 'chat.postEphemeral', { ...privateLine(text), ...where, channel, user: userId });
  return true;
};

const inModal: Way = async ({ slack }, { orgId, tenant, triggerId }, text) => {
  if (triggerId === '') return false;
  await slack.call({ orgId, tenant }, 'views.open', { trigger_id: triggerId, view: noticeModal('Abetworks', text) });
  return true;
};

/** Opens a modal, or says privately that it could not: Slack takes a trigger for three seconds only. */
export async function openModal(deps: SlackBotDeps, spot: Spot, view: object): Promise<void> {
  try {
    await deps.slack.call({ orgId: spot.orgId, tenant: spot.tenant }, 'views.open', {
      trigger_id: spot.triggerId,
      view,
    });
  } catch (error) {
    if (!(error instanceof PlatformFailure)) throw error;
    deps.log.info({ orgId: spot.orgId, error: errorText(error) }, 'a modal could not be opened');
    await tell(deps, { ...spot, triggerId: '' }, 'Slack did not open the window in time. Press it again.');
  }
}
