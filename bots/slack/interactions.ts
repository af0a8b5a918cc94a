import { setTimeout as pause } from 'node:timers/promises';
import { errorText } from '#core/errors.ts';
import { approve } from './actions/approve.ts';
import { notSent, sent } from './actions/effect.ts';
import { deny, edit, view } from './actions/open.ts';
import { feedback, stop } from './actions/run.ts';
import { suggest } from './actions/suggest.ts';
import type { Act, Click, Decide } from './click.ts';
import { answerCommand } from './commands.ts';
import type { Answer, Heard, Interactions, SlackBotDeps } from './deps.ts';
import { submitAsk, submitAskAbout } from './modals/ask.ts';
import { submitDeny, submitView } from './modals/decide.ts';
import { submitEdit } from './modals/edit.ts';
import { submitSent } from './modals/sent.ts';
import { closed, notice, type OnSubmit, shownBy } from './modals/submit.ts';
import { type Interaction, type ViewSubmission, zInteraction } from './payloads.ts';
import type { People } from './people.ts';
import { tell } from './private.ts';
import { ASK, ASK_ABOUT, openAsk, openAskAbout } from './shortcuts.ts';
import { type Claimed, createWho, lineFor, type WhoIs } from './who.ts';

// A button of ours → what its click does. Its id is `<what>:<id>`; nothing else a button carries is believed.
const OPENS: Record<string, Act> = { deny, edit, view, sent };
const DECIDES: Record<string, Decide> = { approve, not_sent: notSent, suggest, stop, feedback };
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
export function createInteractions(deps: SlackBotDeps, people?: People): Interactions {
  const whoIs = createWho(deps, people);
  return {
    command: (form, heard) => answerCommand(deps, whoIs, form, heard),
    interaction: async (payload, heard) => {
      const parsed = zInteraction.safeParse(payload);
      if (!parsed.success) return acknowledge(payload);
      const { data } = parsed;
      if (data.type === 'view_submission') return submitInTime(deps, whoIs, data, heard);
      const decide = pick(DECIDES, data);
      if (decide) return decideFirst(deps, whoIs, data, heard, decide);
      // Acknowledged first: a window that opens has an answer of its own.
      return { status: 200, after: () => open(deps, whoIs, data, heard) };
    },
  };
}

/** A menu that asks for options wants a list; the rest wants nothing. */
const acknowledge = ({ type }: Record<string, unknown>): Answer =>
  type === 'block_suggestion' ? { status: 200, body: { options: [] } } : closed;

const SORRY = 'That did not work. Try again; if it stays so, tell an admin.';

/** Slack waits three seconds; the ways there and back, the check and the inbox row have their part of them. */
const DECIDE_WITHIN_MS = 2_000;
const LATE = notice('Still working', 'This takes longer than usual. It goes on; the thread shows what becomes of it.');

type Clicked = Exclude<Interaction, ViewSubmission>;

/** What is acknowledged is written: a process that dies in between loses no click, its person sees that it failed. */
async function decideFirst(
  deps: SlackBotDeps,
  whoIs: WhoIs,
  data: Clicked,
  heard: Heard,
  decide: (deps: SlackBotDeps, click: Click) => Promise<string | undefined>,
): Promise<Answer> {
  const spot = spotOf(data, heard);
  const deciding = (async (): Promise<string | undefined> => {
    try {
      const found = await whoIs(heard, claimedBy(data));
      if ('refused' in found) return lineFor(found);
      return await decide(deps, { ...spot, ...clickedIn(data), ...found, sourceKey: heard.sourceKey });
    } catch (error) {
      deps.log.error({ orgId: heard.orgId, error: errorText(error) }, 'a click failed');
      return SORRY;
    }
  })();
  const say = async (): Promise<void> => {
    const line = await deciding;
    if (line !== undefined) await tell(deps, spot, line);
  };
  return inTime(
    deciding.then(() => ({ status: 200, after: say })),
    { status: 200, after: say },
  );
}

/** The answer; when it takes too long another one, and it goes on behind that. */
async function inTime(answering: Promise<Answer>, late: Answer): Promise<Answer> {
  const tooLong = new AbortController();
  const waiting = pause(DECIDE_WITHIN_MS, null, { signal: tooLong.signal }).catch(() => null);
  try {
    const answer = await Promise.race([answering, waiting]);
    return answer ?? { after: async () => void (await answering), ...late };
  } finally {
    tooLong.abort();
  }
}

async function open(deps: SlackBotDeps, whoIs: WhoIs, data: Clicked, heard: Heard): Promise<void> {
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

function todoOf(data: Clicked): Todo | undefined {
  if (data.type === 'shortcut') return data.callback_id === ASK ? openAsk : undefined;
  if (data.type === 'message_action')
    return data.callback_id === ASK_ABOUT ? (deps, click) => openAskAbout(deps, click, data) : undefined;
  return pick(OPENS, data);
}

/** Whose button was pressed, of these. */
function pick<T>(
  acts: Record<string, (deps: SlackBotDeps, click: Click, id: string) => T>,
  data: Clicked,
): ((deps: SlackBotDeps, click: Click) => T) | undefined {
  if (data.type !== 'block_actions') return undefined;
  const [, what = '', id = ''] = /^([a-z_]+):(.+)$/.exec(data.actions[0]?.action_id ?? '') ?? [];
  const found = Object.hasOwn(acts, what) ? acts[what] : undefined;
  return found && ((deps, click) => found(deps, click, id));
}

function clickedIn(data: Clicked): Pick<Click, 'message' | 'isHome' | 'value'> {
  if (data.type !== 'block_actions') return { message: null, isHome: false, value: '' };
  const { container, message, view, actions } = data;
  return {
    message: container?.message_ts ?? message?.ts ?? null,
    isHome: view?.type === 'home',
    value: actions[0]?.value ?? '',
  };
}

function spotOf(data: Clicked, { orgId, tenant }: Heard) {
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

/** An empty answer closes the window as if all were well: what failed says so in it, and what took too long says how it ended. */
async function submitInTime(deps: SlackBotDeps, whoIs: WhoIs, data: ViewSubmission, heard: Heard): Promise<Answer> {
  const submitting = submit(deps, whoIs, data, heard).catch((error: unknown): Answer => {
    deps.log.error({ orgId: heard.orgId, error: errorText(error) }, 'a modal could not be taken in');
    return notice('Not done', SORRY);
  });
  const sayHow = async (): Promise<void> => {
    const view = shownBy((await submitting).body);
    if (view && data.view.id) await deps.slack.call(heard, 'views.update', { view_id: data.view.id, view });
  };
  return inTime(submitting, { ...LATE, after: sayHow });
}

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
