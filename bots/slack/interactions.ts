import { approve } from './actions/approve.ts';
import { notSent, sent } from './actions/effect.ts';
import { deny, edit, view } from './actions/open.ts';
import { feedback, stop } from './actions/run.ts';
import { suggest } from './actions/suggest.ts';
import type { Act, Click } from './click.ts';
import { answerCommand } from './commands.ts';
import type { Answer, Heard, Interactions, SlackBotDeps } from './deps.ts';
import { submitAsk, submitAskAbout } from './modals/ask.ts';
import { submitDeny, submitView } from './modals/decide.ts';
import { submitEdit } from './modals/edit.ts';
import { submitSent } from './modals/sent.ts';
import { closed, notice, type OnSubmit } from './modals/submit.ts';
import { type Interaction, type ViewSubmission, zInteraction } from './payloads.ts';
import { tell } from './private.ts';
import { ASK, ASK_ABOUT, openAsk, openAskAbout } from './shortcuts.ts';
import { type Claimed, createWho, lineFor, type WhoIs } from './who.ts';

/** A button of ours → what its click does. Its id is `<what>:<id>`; nothing else a button carries is believed. */
const ACTS: Record<string, Act> = {
  approve,
  deny,
  edit,
  view,
  sent,
  not_sent: notSent,
  suggest,
  stop,
  feedback,
};
/** A modal's `callback_id` → what its submit does. */
const SUBMITS: Record<string, OnSubmit> = {
  deny: submitDeny,
  view: submitView,
  edit: submitEdit,
  sent: submitSent,
  ask: submitAsk,
  ask_about: submitAskAbout,
};

/** What people click, submit and type after `/abet`. All of it is acknowledged, also what nobody here listens to. */
export function createInteractions(deps: SlackBotDeps): Interactions {
  const whoIs = createWho(deps);
  return {
    command: (form, heard) => answerCommand(deps, whoIs, form, heard),
    interaction: async (payload, heard) => {
      const parsed = zInteraction.safeParse(payload);
      if (!parsed.success) return acknowledge(payload);
      const { data } = parsed;
      if (data.type === 'view_submission') return submit(deps, whoIs, data, heard);
      // Acknowledged first: what follows has no answer of its own to give.
      return { status: 200, after: () => act(deps, whoIs, data, heard) };
    },
  };
}

/** A menu that asks for options wants a list; the rest wants nothing. */
const acknowledge = ({ type }: Record<string, unknown>): Answer =>
  type === 'block_suggestion' ? { status: 200, body: { options: [] } } : closed;

const SORRY = 'That did not work. Try again; if it stays so, tell an admin.';

async function act(
  deps: SlackBotDeps,
  whoIs: WhoIs,
  data: Exclude<Interaction, ViewSubmission>,
  heard: Heard,
): Promise<void> {
  const todo = todoOf(data);
  if (!todo) return;
  const spot = spotOf(data, heard);
  try {
    const found = await whoIs(heard, claimedBy(data));
    if ('refused' in found) return await tell(deps, spot, lineFor(found));
    await todo(deps, { ...spot, ...clickedIn(data), ...found, sourceKey: heard.sourceKey });
  } catch (error) {
    // Nobody waits for an answer any more, so it is said aside.
    await tell(deps, { ...spot, triggerId: '' }, SORRY);
    throw error;
  }
}

type Todo = (deps: SlackBotDeps, click: Click) => Promise<void>;

function todoOf(data: Exclude<Interaction, ViewSubmission>): Todo | undefined {
  if (data.type === 'shortcut') return data.callback_id === ASK ? openAsk : undefined;
  if (data.type === 'message_action')
    return data.callback_id === ASK_ABOUT ? (deps, click) => openAskAbout(deps, click, data) : undefined;
  const [, what = '', id = ''] = /^([a-z_]+):(.+)$/.exec(data.actions[0]?.action_id ?? '') ?? [];
  const found = Object.hasOwn(ACTS, what) ? ACTS[what] : undefined;
  return found && ((deps, click) => found(deps, click, id));
}

function clickedIn(data: Exclude<Interaction, ViewSubmission>): Pick<Click, 'message' | 'isHome' | 'value'> {
  if (data.type !== 'block_actions') return { message: null, isHome: false, value: '' };
  const { container, message, view, actions } = data;
  return {
    message: container?.message_ts ?? message?.ts ?? null,
    isHome: view?.type === 'home',
    value: actions[0]?.value ?? '',
  };
}

function spotOf(data: Exclude<Interaction, ViewSubmission>, { orgId, tenant }: Heard) {
  const container = data.type === 'block_actions' ? data.container : undefined;
  const message = data.type === 'shortcut' ? undefined : data.message;
  const channel = data.type === 'shortcut' ? undefined : data.channel;
  return {
    orgId,
    tenant,
    userId: data.user.id,
    triggerId: data.trigger_id,
    responseUrl: data.response_url ?? null,
    channel: container?.channel_id ?? channel?.id ?? null,
    thread: container?.thread_ts ?? message?.thread_ts ?? null,
  };
}

/** `enterprise` says whose workspace it is that the app is installed in. */
const claimedBy = ({ user, enterprise }: Interaction): Claimed => ({
  userId: user.id,
  teamId: user.team_id ?? '',
  enterpriseId: enterprise?.id ?? null,
});

async function submit(deps: SlackBotDeps, whoIs: WhoIs, data: ViewSubmission, heard: Heard): Promise<Answer> {
  const { view, user } = data;
  const found = Object.hasOwn(SUBMITS, view.callback_id) ? SUBMITS[view.callback_id] : undefined;
  if (!found) return closed;
  // Whoever opened it is asked about again: rights may have gone meanwhile.
  const who = await whoIs(heard, claimedBy(data));
  if ('refused' in who) return notice('Not done', lineFor(who));
  const { values } = view.state ?? { values: {} };
  return found(deps, { ...heard, ...who, userId: user.id, values, privateMetadata: view.private_metadata });
}
