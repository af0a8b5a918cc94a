import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { NewInstallation } from '#db/slack-installations.ts';
import type { SlackSecret } from '#db/slack-tokens.ts';

/** What reached the little Slack of a test. */
export interface Ask {
  /** `chat.postMessage`, or the path of what is no method. */
  method: string;
  token: string | null;
  args: Record<string, string>;
  headers: IncomingHttpHeaders;
}
interface Says {
  status?: number;
  headers?: Record<string, string>;
  body?: unknown;
  /** `reset`: the line breaks without a word. `half`: in the middle of the answer. `stall`: no answer, ever. */
  cut?: 'reset' | 'half' | 'stall';
}

const open: Server[] = [];

/** Ends every server; call it after each test. */
export async function closeSlacks(): Promise<void> {
  for (const server of open.splice(0)) {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
}

/** A Slack that answers what the test says. `api` is for SLACK_API_URL. */
export async function littleSlack(answer: (ask: Ask) => Says | Promise<Says>) {
  const asks: Ask[] = [];
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const isForm = request.headers['content-type']?.includes('form-urlencoded') ?? false;
    const ask: Ask = {
      method: (request.url ?? '').replace('/api/', ''),
      token: request.headers.authorization?.replace('Bearer ', '') ?? null,
      args: isForm ? Object.fromEntries(new URLSearchParams(text)) : { body: text },
      headers: request.headers,
    };
    asks.push(ask);
    const { status = 200, headers = {}, body = {}, cut } = await answer(ask);
    if (cut === 'stall') return;
    if (cut === 'reset') {
      request.socket.resetAndDestroy();
      return;
    }
    const bytes =
      typeof body === 'string' || Buffer.isBuffer(body) ? Buffer.from(body) : Buffer.from(JSON.stringify(body));
    const length = cut === 'half' ? bytes.length * 2 : bytes.length;
    response.writeHead(status, { 'content-type': 'application/json', 'content-length': String(length), ...headers });
    if (cut === 'half') response.write(bytes, () => response.destroy());
    else response.end(bytes);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  open.push(server);
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  return { url, api: `${url}/api/`, asks };
}

/** `auth.test` of a workspace's bot. */
export const self = (tenant: string, more: object = {}, scopes = 'chat:write,commands') => ({
  headers: { 'x-oauth-scopes': scopes },
  body: {
    ok: true,
    team: `Team ${tenant}`,
    team_id: tenant,
    user: 'abetworks',
    user_id: 'UBOT',
    bot_id: 'BBOT',
    ...more,
  },
});

/** `oauth.v2.access` for a workspace. */
export const grant = (tenant: string, token: string, more: object = {}) => ({
  body: {
    ok: true,
    access_token: token,
    token_type: 'bot',
    scope: 'chat:write,commands',
    bot_user_id: 'UBOT',
    app_id: 'A1',
    team: { id: tenant, name: `Team ${tenant}` },
    enterprise: null,
    is_enterprise_install: false,
    ...more,
  },
});

/** An installation of a workspace by OAuth; its token is `xoxb-of-<tenant>`. */
export const installation = (
  tenant: string,
  secret: Partial<SlackSecret> = {},
  expiresAt: Date | null = null,
): NewInstallation => ({
  tenant,
  isEnterprise: false,
  teamName: 'Acme',
  appId: 'A1',
  botUserId: 'UBOT',
  botId: 'BBOT',
  scopes: [],
  source: 'oauth',
  expiresAt,
  secret: { token: `xoxb-of-${tenant}`, refreshToken: null, ...secret },
  memberId: null,
});
