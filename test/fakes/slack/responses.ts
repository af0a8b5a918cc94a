import type { Knock } from './door.ts';
import { judgeMessage } from './chat.ts';
import { insertMessage, messageAt, withIds, type ResponseUrl, type World } from './world.ts';
import { failure, isObject, nextTs, randomWord, textOf, type Json } from './words.ts';

// Source: docs.slack.dev, "Handling user interaction": 5 uses within 30 minutes.
const USES = 5;
const LIFE_MS = 30 * 60_000;

export function newResponseUrl(
  world: World,
  of: Pick<ResponseUrl, 'user' | 'channel' | 'message'>,
  kind: 'commands' | 'actions',
): string {
  const url = `${world.base()}/${kind}/${world.settled.teamId}/${Date.now()}/${randomWord()}`;
  world.responseUrls.set(url, { url, uses: 0, until: Date.now() + LIFE_MS, ...of });
  return url;
}

/** What is posted to a response_url. */
export function respond(world: World, { url, response, body }: Knock): void {
  const known = world.responseUrls.get(`${world.base()}${url.pathname}`);
  const parsed = parse(body.toString());
  const error = refusal(world, known, parsed);
  if (known)
    world.responded.push({
      url: known.url,
      user: known.user,
      channel: known.channel,
      body: parsed ?? {},
      at: Date.now(),
      error,
    });
  const answer = (status: number, said: Json) =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(said));
  if (error || !known || !parsed) return answer(404, failure(error ?? 'expired_url'));
  known.uses += 1;
  act(world, known, parsed);
  return answer(200, { ok: true });
}

function refusal(world: World, known: ResponseUrl | undefined, body: Json | null): string | null {
  if (!known || Date.now() > known.until) return 'expired_url';
  if (known.uses >= USES) return 'used_url';
  if (!body) return 'invalid_payload';
  if (body['delete_original']) return null;
  if (!textOf(body['text']) && !body['blocks']) return 'no_text';
  const wrong = judgeMessage(world, 'response_url', { text: body['text'], blocks: body['blocks'] });
  return wrong ? wrong['error'] : null;
}

function act(world: World, { user, channel = '', message }: ResponseUrl, body: Json): void {
  const blocks = withIds(body['blocks']);
  const text = textOf(body['text']);
  const shown = { text, ...(blocks ? { blocks } : {}) };
  const isForOriginal = body['replace_original'] || body['delete_original'];
  if (isForOriginal && message?.ephemeral) {
    const at = world.privates.findIndex((one) => one.ts === message.ts);
    const kept = world.privates[at];
    if (!kept) return;
    if (body['delete_original']) world.privates.splice(at, 1);
    else world.privates[at] = { ...kept, text, ...(blocks ? { blocks } : {}) };
    return;
  }
  if (isForOriginal && message) {
    const row = messageAt(world, channel, message.ts);
    if (!row) return;
    if (body['delete_original']) world.rows.messages.delete(row['id']);
    else world.rows.messages.update(row['id'], { text, blocks });
    return;
  }
  const thread = body['thread_ts'] ? { thread_ts: body['thread_ts'] } : {};
  if (body['response_type'] === 'in_channel') return post(world, channel, { ...shown, ...thread });
  world.privates.push({ user, channel, ...shown, ...thread, ts: nextTs(), via: 'response_url' });
}

function post(world: World, channel: string, fields: Json): void {
  const { botUserId, botId, appId } = world.settled;
  const row = insertMessage(world, { channel_id: channel, user: botUserId, bot_id: botId, app_id: appId, ...fields });
  world.emit({ type: 'message', channel, user: botUserId, bot_id: botId, ts: row['ts'] });
}

/** The body a slash command was answered with becomes a message. */
export function showAck(world: World, of: { user: string; channel: string }, body: unknown): void {
  const said = typeof body === 'string' ? { text: body } : body;
  if (!isObject(said) || (!said['text'] && !said['blocks'])) return;
  const wrong = judgeMessage(world, 'command answer', { text: said['text'], blocks: said['blocks'] });
  if (!wrong) act(world, { ...of, url: '', uses: 0, until: 0, message: null }, said);
  const last = world.privates.at(-1);
  if (!wrong && last && said['response_type'] !== 'in_channel') last.via = 'ack';
}

const parse = (text: string): Json | null => {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
};
