import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHub } from './socket.ts';
import { isObject, randomId, type Json } from './words.ts';

export interface Knock {
  request: IncomingMessage;
  response: ServerResponse;
  url: URL;
  body: Buffer;
}
/** What the door needs of each Slack behind it. */
export interface Tenant {
  teamId: string;
  /** Whether a token, code, refresh token or upload id is this Slack's. */
  owns: (secret: string) => boolean;
  api: (knock: Knock, method: string, token: string | null, args: Json) => Promise<void>;
  page: (knock: Knock) => Promise<void>;
}

/**
 * The HTTP server that stands for slack.com. Several workspaces can share one, as they do in life: a call goes to the
 * workspace whose token it carries, a page to the workspace named in its path.
 */
export async function createDoor() {
  const tenants: Tenant[] = [];
  /** The workspace in which the next consent is given when the address names none. */
  let consenting: string | null = null;
  const sockets = new Set<IncomingMessage['socket']>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('error', () => undefined);
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'http://slack.test');
      enter({ request, response, url, body: Buffer.concat(chunks) }).catch((error: unknown) => {
        if (!response.headersSent) response.writeHead(500, { 'content-type': 'text/plain' });
        response.end(`The fake Slack broke: ${error instanceof Error ? error.stack : String(error)}`);
      });
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  const hub = createHub();
  server.on('upgrade', (request, socket) => hub.upgrade(request, socket));
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  hub.address = `ws://127.0.0.1:${port}`;

  async function enter(knock: Knock): Promise<void> {
    const { pathname } = knock.url;
    const first = tenants[0];
    if (!first) throw new Error('No Slack stands behind this door.');
    if (pathname.startsWith('/api/')) {
      const method = pathname.slice('/api/'.length);
      const { token, args } = readCall(knock);
      const secrets = [token, args['code'], args['refresh_token']].filter((one) => typeof one === 'string');
      const tenant = tenants.find((one) => secrets.some((secret) => one.owns(secret))) ?? first;
      return tenant.api(knock, method, token, args);
    }
    if (pathname === '/oauth/v2/authorize') {
      const team = knock.url.searchParams.get('team') ?? consenting;
      return (tenants.find((one) => one.teamId === team) ?? first).page(knock);
    }
    const named = tenants.find((one) => pathname.includes(`/${one.teamId}`));
    const owned = tenants.find((one) => one.owns(pathname.split('/').at(-1) ?? ''));
    return (named ?? owned ?? first).page(knock);
  }

  return {
    url: `http://127.0.0.1:${port}`,
    port,
    hub,
    join: (tenant: Tenant) => void tenants.push(tenant),
    leave: (tenant: Tenant) => void tenants.splice(tenants.indexOf(tenant), 1),
    isEmpty: () => tenants.length === 0,
    consentIn: (teamId: string | null) => {
      consenting = teamId;
    },
    stop: async () => {
      hub.stop();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      });
    },
  };
}
export type Door = Awaited<ReturnType<typeof createDoor>>;

/** The arguments of a Web API call in any of the shapes Slack takes; JSON inside form fields is parsed. */
function readCall({ request, url, body }: Knock): { token: string | null; args: Json } {
  const type = request.headers['content-type'] ?? '';
  const authorization = request.headers.authorization ?? '';
  const args: Json = Object.fromEntries(url.searchParams);
  if (type.includes('json')) Object.assign(args, parseObject(body.toString()));
  else if (type.includes('urlencoded'))
    for (const [key, value] of new URLSearchParams(body.toString())) args[key] = loosen(key, value);
  else if (type.includes('multipart')) Object.assign(args, multipart(body, type));
  const bearer = /^Bearer\s+(.+)$/i.exec(authorization)?.[1];
  const token: string | null = bearer ?? args['token'] ?? null;
  delete args['token'];
  const basic = /^Basic\s+(.+)$/i.exec(authorization)?.[1];
  if (basic) {
    const [id, secret] = Buffer.from(basic, 'base64').toString().split(':');
    Object.assign(args, { client_id: decodeURIComponent(id ?? ''), client_secret: decodeURIComponent(secret ?? '') });
  }
  return { token, args };
}

const parseObject = (text: string): Json => {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
};

// The form fields that hold JSON or a boolean; a text that looks like either stays a text.
const JSON_FIELDS = new Set(
  'blocks attachments metadata view chunks prompts loading_messages files event_payload tokens'.split(' '),
);
const FLAGS = new Set(
  'include_all_metadata inclusive return_im prevent_creation unfurl_links unfurl_media link_names mrkdwn as_user'
    .split(' ')
    .concat('reply_broadcast', 'exclude_archived', 'is_private', 'test'),
);
function loosen(key: string, value: string): unknown {
  if (FLAGS.has(key)) return value === 'true' || value === '1';
  if (!JSON_FIELDS.has(key)) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

function multipart(body: Buffer, type: string): Json {
  const boundary = /boundary="?([^";]+)/.exec(type)?.[1] ?? randomId('none');
  const args: Json = {};
  for (const part of body.toString('latin1').split(`--${boundary}`)) {
    const name = /name="([^"]+)"/.exec(part)?.[1];
    const at = part.indexOf('\r\n\r\n');
    if (name && at > 0) args[name] = loosen(name, Buffer.from(part.slice(at + 4, -2), 'latin1').toString('utf8'));
  }
  return args;
}
