import type { Knock } from './door.ts';
import { agentMethods } from './agents.ts';
import { chatMethods } from './chat.ts';
import { conversationMethods } from './conversations.ts';
import { fileMethods } from './files.ts';
import { oauthMethods } from './oauth.ts';
import { peopleMethods } from './people.ts';
import { streamMethods } from './streams.ts';
import { viewMethods } from './views.ts';
import type { Call, Method, World } from './world.ts';
import { failure, type Json } from './words.ts';

const OWN: Record<string, Method> = {
  ...agentMethods,
  ...chatMethods,
  ...conversationMethods,
  ...fileMethods,
  ...oauthMethods,
  ...peopleMethods,
  ...streamMethods,
  ...viewMethods,
};
/** Answered without a token. */
const OPEN = new Set(['oauth.v2.access', 'oauth.v2.exchange', 'api.test']);
/** One of these scopes is needed; a method that is not here needs none. */
const SCOPES: [method: RegExp, scope: string][] = [
  [/^chat\.(postMessage|update|delete|postEphemeral|startStream|appendStream|stopStream)$/, 'chat:write'],
  [/^agents\.sessions\./, 'chat:write'],
  [/^assistant\./, 'assistant:write'],
  [/^conversations\.open$/, 'im:write'],
  [/^conversations\.(list|members)$/, 'channels:read'],
  [/^conversations\.(history|replies)$/, 'channels:history'],
  [/^users\.lookupByEmail$/, 'users:read.email'],
  [/^(users\.(info|list)|bots\.info)$/, 'users:read'],
  [/^files\.(info|list)$/, 'files:read'],
  [/^files\.(getUploadURLExternal|completeUploadExternal|delete)$/, 'files:write'],
  [/^reactions\.(add|remove)$/, 'reactions:write'],
  [/^team\.info$/, 'team:read'],
];

/** Answers one Web API call: ordered faults, rate limits, token, scopes, then the method. */
export async function answerCall(
  world: World,
  { request, response }: Knock,
  method: string,
  token: string | null,
  args: Json,
): Promise<void> {
  const call: Call = { method, token, args: structuredClone(args), at: Date.now() };
  world.calls.push(call);
  const fault = world.faults.takeFault(method, args);
  const isGone = () => {
    call.answer = 'lost';
    request.socket.resetAndDestroy();
  };
  const plain = (status: number, type: string, body: string) => {
    call.answer = String(status);
    response.writeHead(status, { 'content-type': type }).end(body);
  };
  if (fault?.kind === 'reset before') return isGone();
  if (fault?.kind === 'status 500') return plain(500, 'text/plain', 'Internal Server Error');
  if (fault?.kind === 'html 503') return plain(503, 'text/html', '<html><body>Slack is down</body></html>');
  if (fault?.kind === 'hang') await world.faults.wait(fault);
  const ordered = fault?.kind.startsWith('error ') ? failure(fault.kind.slice('error '.length)) : null;
  const retryAfterS = ordered ? null : (world.faults.takeLimit(method, args) ?? tooFast(world, call));
  if (retryAfterS !== null) {
    call.answer = 'ratelimited';
    response.writeHead(429, { 'content-type': 'application/json', 'retry-after': String(retryAfterS) });
    return void response.end(JSON.stringify(failure('ratelimited')));
  }
  const answer = ordered ?? refusal(world, call) ?? (await run(world, call, args));
  call.answer = answer['ok'] ? 'ok' : answer['error'];
  if (fault?.kind === 'reset after') return isGone();
  if (fault?.kind === 'status 500 after') return plain(500, 'text/plain', 'Internal Server Error');
  if (fault?.kind === 'hang after') await world.faults.wait(fault);
  const headers: Record<string, string> = { 'content-type': 'application/json; charset=utf-8' };
  if (token && world.tokens.get(token)?.status === 'ok') headers['x-oauth-scopes'] = world.scopes.join(',');
  response.writeHead(200, headers).end(JSON.stringify(answer));
}

async function run(world: World, call: Call, args: Json): Promise<Json> {
  const own = OWN[call.method];
  return own ? own(world, args, call) : world.emulate(call.method, args);
}

function refusal(world: World, { method, token }: Call): Json | null {
  if (OPEN.has(method)) return null;
  if (!token) return failure('not_authed');
  const known = world.tokens.get(token);
  if (!known) return failure('invalid_auth');
  if (known.status !== 'ok') return failure(known.status);
  const isForApp = method === 'apps.connections.open';
  if (isForApp !== (known.kind === 'app')) return failure('not_allowed_token_type');
  const needed = SCOPES.find(([pattern]) => pattern.test(method))?.[1];
  if (!needed || isForApp || world.scopes.includes(needed)) return null;
  return failure('missing_scope', { needed, provided: world.scopes.join(',') });
}

/** chat.postMessage: so many a second and channel, with a burst. Null when it may pass, else seconds to wait. */
function tooFast(world: World, call: Call): number | null {
  const rate = world.settled.strictRate;
  if (!rate || call.method !== 'chat.postMessage') return null;
  const bucket = world.rates.get(call.args['channel']) ?? { tokens: rate.burst, at: call.at };
  const tokens = Math.min(rate.burst, bucket.tokens + ((call.at - bucket.at) / 1000) * rate.perSecond);
  const isAllowed = tokens >= 1;
  world.rates.set(call.args['channel'], { tokens: isAllowed ? tokens - 1 : tokens, at: call.at });
  if (isAllowed) return null;
  world.throttled.push(call);
  return 1;
}
