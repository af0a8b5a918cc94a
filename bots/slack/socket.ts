import { setTimeout as pause } from 'node:timers/promises';
import type { LogLevel } from '@slack/socket-mode';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Config } from '#core/config.ts';
import { errorText } from '#core/errors.ts';
import type { Answer } from './deps.ts';
import { HEARD } from './ears.ts';
import type { Delivery, Hear } from './hear.ts';
import { within, type Later } from './later.ts';

/** How long a connection may take until Slack says hello. */
const HELLO_MS = 20_000;
/** Between attempts: grows from the first to the second while none succeeds. */
const PAUSE_MS = { first: 500, most: 30_000 };
const DRAIN_MS = 3_000;
/** Slack's words for a token with which no connection will ever come: somebody has to change it. */
const BAD_TOKEN = /\b(invalid_auth|not_authed|not_allowed_token_type|missing_scope|account_inactive|token_revoked)$/;

export interface Socket {
  /** Waits for what is being stored, at most 3 s, then closes the connection. What was not acknowledged, Slack sends again. */
  stop(): Promise<void>;
  /** What Slack says of SLACK_APP_TOKEN, in a sentence, while no connection comes for its sake. */
  problem(): string | null;
}
interface TakeDeps extends SocketDeps {
  leaveAlone(type: string): Answer;
}
interface SocketDeps {
  config: Pick<Config, 'SLACK_APP_TOKEN' | 'SLACK_API_URL'>;
  log: Logger;
  hear: Hear;
  later: Later;
}

/**
 * Keeps one Socket Mode connection open until it is stopped. Resolves once the first attempt succeeded, or failed (it goes on trying). A socket signs
 * nothing: whoever holds the app's token is Slack.
 */
export async function startSocket(deps: SocketDeps): Promise<Socket> {
  const { log } = deps;
  const stopping = new AbortController();
  const underWay = new Set<Promise<void>>();
  const leaveAlone = createLeaveAlone(log);
  let line: Line | undefined;
  let pauseMs = PAUSE_MS.first;
  let tokenProblem: string | null = null;

  async function once(): Promise<void> {
    line = await openLine(deps, (raw, send) => {
      if (stopping.signal.aborted) return;
      const taking = take({ ...deps, leaveAlone }, raw, send).finally(() => underWay.delete(taking));
      underWay.add(taking);
    });
    pauseMs = PAUSE_MS.first;
    tokenProblem = null;
    log.info('connected to Slack by Socket Mode');
  }
  async function keep(): Promise<void> {
    while (!stopping.signal.aborted) {
      if (line) await line.closed;
      line = undefined;
      if (stopping.signal.aborted) return;
      await pause(Math.random() * pauseMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      pauseMs = Math.min(PAUSE_MS.most, pauseMs * 2);
      await attempt();
    }
  }
  async function attempt(): Promise<void> {
    try {
      await once();
    } catch (error) {
      const words = { error: errorText(error) };
      const before = tokenProblem;
      const [code] = BAD_TOKEN.exec(words.error) ?? [];
      tokenProblem = code === undefined ? null : `${REFUSED} (Slack says ${code}).`;
      if (tokenProblem !== null && before === null) log.error({ ...words, alert: true }, REFUSED);
      else log.warn(words, 'Socket Mode: no connection to Slack; trying again');
    }
  }

  await attempt();
  const keeping = keep();
  return {
    problem: () => tokenProblem,
    stop: async () => {
      stopping.abort();
      await within(Promise.all(underWay), DRAIN_MS, undefined);
      await within(line?.close() ?? Promise.resolve(), DRAIN_MS, undefined);
      await within(keeping, DRAIN_MS, undefined);
    },
  };
}

const REFUSED =
  'Slack refuses SLACK_APP_TOKEN, so nothing is heard. Set an app-level token (xapp-…) with the scope connections:write, and restart';

const zRaw = z.object({
  type: z.string(),
  envelope_id: z.string(),
  payload: z.unknown().optional(),
});

/** Stores what came, then acknowledges it: not the other way round (RULES I1). */
async function take({ hear, later, log, leaveAlone }: TakeDeps, raw: unknown, send: Send): Promise<void> {
  const { success, data } = zRaw.safeParse(raw);
  if (!success) return;
  const delivery = deliveryOf(data);
  let answer: Answer;
  try {
    answer = delivery ? await hear(delivery) : leaveAlone(data.type);
  } catch (error) {
    log.error({ error: errorText(error) }, 'a delivery of Slack could not be stored; it will come again');
    return;
  }
  if (answer.status >= 500) return;
  if (answer.after) later.add(answer.after);
  try {
    const { body, status } = answer;
    await send(data.envelope_id, status < 400 && isAnswer(body) ? body : undefined);
  } catch (error) {
    // It is stored: when it comes again, it is known.
    log.info({ error: errorText(error) }, 'an acknowledgement was lost with its connection');
  }
}

/** What is of no type that we know is acknowledged, since nothing will become of it when it comes again; each type is said once. */
function createLeaveAlone(log: Logger): (type: string) => Answer {
  const said = new Set<string>();
  return (type) => {
    if (!said.has(type) && said.size < MOST_TYPES) {
      said.add(type);
      log.warn({ type: type.slice(0, 100) }, 'Socket Mode: an envelope of a type that nobody here knows');
    }
    return HEARD;
  };
}
const MOST_TYPES = 100;

const isAnswer = (body: unknown): body is object | string =>
  typeof body === 'string' || (typeof body === 'object' && body !== null);

function deliveryOf({ type, payload }: z.infer<typeof zRaw>): Delivery | undefined {
  if (type === 'events_api') return { kind: 'event', body: payload };
  if (type === 'interactive') return { kind: 'interaction', body: payload };
  if (type !== 'slash_commands') return undefined;
  const form = z.record(z.string(), z.coerce.string()).safeParse(payload);
  return { kind: 'command', form: form.data ?? {} };
}

type Send = (envelopeId: string, body?: object | string) => Promise<void>;

interface Line {
  /** Resolves when the connection is over, for whatever reason. */
  closed: Promise<void>;
  close(): Promise<void>;
}

/**
 * One connection, from `apps.connections.open` to its end. A client of the SDK reconnects by itself, but a failure on the way ends the process (its promise
 * is nobody's), and it reads envelopes in a way that some of them break: so each client serves one connection, and hands us the frames as they came.
 */
async function openLine({ config, log }: SocketDeps, onFrame: (raw: unknown, send: Send) => void): Promise<Line> {
  const { SocketModeClient, LogLevel } = await import('@slack/socket-mode');
  const client = new SocketModeClient({
    appToken: config.SLACK_APP_TOKEN ?? '',
    autoReconnectEnabled: false,
    logger: logger(log, LogLevel.INFO),
    clientOptions: {
      slackApiUrl: config.SLACK_API_URL,
      retryConfig: { retries: 0 },
      rejectRateLimitedCalls: true,
      timeout: HELLO_MS,
    },
  });
  const closed = new Promise<void>((resolve) => client.once('disconnected', resolve));
  const [theirs] = client.listeners('ws_message');
  client.removeAllListeners('ws_message');
  client.on('ws_message', (text: unknown, isBinary: boolean) => {
    const raw = parse(text);
    const type = typeof raw === 'object' && raw !== null && 'type' in raw ? raw.type : undefined;
    if (type === 'hello' || type === 'disconnect') theirs?.call(client, text, isBinary);
    // Private by its types only: it is what the SDK's own `ack` calls.
    else onFrame(raw, (envelopeId, body) => client['send'](envelopeId, body));
  });
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('Slack said no hello in time')), HELLO_MS);
  });
  const starting = client.start();
  starting.catch(() => undefined);
  const close = async (): Promise<void> => {
    await client.disconnect();
  };
  try {
    await Promise.race([starting, closed.then(() => Promise.reject(new Error('the connection was closed'))), tooLong]);
    return { closed, close };
  } catch (error) {
    await within(close(), DRAIN_MS, undefined);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function parse(text: unknown): unknown {
  try {
    return typeof text === 'string' ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}

/** Its debug lines hold what people wrote. */
const logger = (log: Logger, level: LogLevel) => ({
  debug: () => undefined,
  info: (...words: unknown[]) => log.debug({ socket: words.join(' ') }, 'Socket Mode'),
  warn: (...words: unknown[]) => log.info({ socket: words.join(' ') }, 'Socket Mode'),
  error: (...words: unknown[]) => log.warn({ socket: words.join(' ') }, 'Socket Mode'),
  setLevel: () => undefined,
  getLevel: () => level,
  setName: () => undefined,
});
