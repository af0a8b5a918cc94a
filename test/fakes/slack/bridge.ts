import { completed, envelopeOf } from './envelope.ts';
import { deliver, type SendOptions, type Sent } from './send.ts';
import type { World } from './world.ts';
import type { Json } from './words.ts';

export interface Delivery {
  url: string;
  envelope: Json;
  /** Null when no answer came. */
  status: number | null;
  retryNum: number;
  retryReason: string | null;
  at: number;
  tookMs: number;
}
export interface Answered {
  status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look at whatever came
  body: any;
  tookMs: number;
}

/** Carries what happens in the Slack to the app: over HTTP with redelivery, over the socket, or into a held list. */
export function createBridge(world: World, first: string | string[] | null) {
  const deliveries: Delivery[] = [];
  const running = new Set<Promise<unknown>>();
  const timers = new Set<NodeJS.Timeout>();
  let urls: string[] = asList(first);
  let next = 0;
  let held: Json[] | null = null;
  let isSocket = false;
  let isStopped = false;

  const secret = world.settled.signingSecret;
  const nextUrl = (): string | undefined => urls[next++ % Math.max(1, urls.length)];

  async function attempt(envelope: Json, retryNum: number, retryReason: string | null): Promise<void> {
    const url = nextUrl();
    if (!url || isStopped) return;
    const headers: Record<string, string> = retryReason
      ? { 'x-slack-retry-num': String(retryNum), 'x-slack-retry-reason': retryReason }
      : {};
    const at = Date.now();
    let sent: Sent | null = null;
    let reason = 'http_timeout';
    try {
      sent = await deliver(url, envelope, { secret, headers, withinMs: world.settled.answerWithinMs });
    } catch (error) {
      if (!(error instanceof DOMException)) reason = 'connection_failed';
    }
    const status = sent?.status ?? null;
    deliveries.push({ url, envelope, status, retryNum, retryReason, at, tookMs: sent?.tookMs ?? Date.now() - at });
    if (status !== null && status < 300) return;
    if (sent?.headers.get('x-slack-no-retry') === '1') return;
    const afterMs = world.settled.redeliverAfterMs[retryNum];
    if (afterMs === undefined || isStopped) return;
    const timer = setTimeout(() => {
      timers.delete(timer);
      track(attempt(envelope, retryNum + 1, status === null ? reason : 'http_error'));
    }, afterMs);
    timers.add(timer);
  }

  function track(work: Promise<unknown>): void {
    running.add(work);
    void work.finally(() => running.delete(work)).catch(() => undefined);
  }
  /** Sends a whole envelope, by whichever way is chosen. */
  function send(envelope: Json): void {
    if (held) return void held.push(envelope);
    if (isSocket) return void world.door.hub.send('events_api', envelope);
    track(attempt(envelope, 0, null));
  }

  async function interact(kind: 'interactive' | 'slash_commands', payload: Json): Promise<Answered> {
    if (isSocket) return overSocket(kind, payload);
    const url = nextUrl();
    if (!url) throw new Error('This Slack has no request URL yet: call deliverTo(url) first.');
    const form = kind === 'interactive' ? 'payload' : true;
    const sent = deliver(url, payload, { secret, form, withinMs: 10_000 });
    track(sent.catch(() => undefined));
    return sent;
  }
  async function overSocket(kind: 'interactive' | 'slash_commands', payload: Json): Promise<Answered> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<Answered>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error('The app did not acknowledge over the socket.')), 10_000);
    });
    const ack = world.door.hub
      .send(kind, payload)
      .then(({ payload: body, tookMs }) => ({ status: 200, body: body ?? '', tookMs }));
    return Promise.race([ack, late]).finally(() => clearTimeout(timer));
  }

  const bridge = {
    /** An event of ours, complete or thin; goes out as Slack would send it. */
    emit: (event: Json): void => {
      if (!world.isInstalled && !['app_uninstalled', 'tokens_revoked'].includes(event['type'])) return;
      for (const one of completed(world, event)) send(envelopeOf(world, one));
    },
    /** A whole envelope, as it is. */
    send,
    interact,
    /** One or more request URLs (each delivery goes to the next in turn), or null for none. */
    deliverTo: (to: string | string[] | null): void => {
      urls = asList(to);
      isSocket = false;
    },
    useSocket: (): void => {
      isSocket = true;
    },
    /** From now on events are collected, not sent. */
    hold: () => {
      const list: Json[] = [];
      held = list;
      return {
        envelopes: list,
        /** Sends what was collected, in order, and ends the hold. */
        release: (): void => {
          if (held === list) held = null;
          for (const envelope of list.splice(0)) send(envelope);
        },
        /** Ends the hold; what was collected stays in `envelopes`. */
        drop: (): void => {
          if (held === list) held = null;
        },
      };
    },
    deliveries: (): Delivery[] => [...deliveries],
    /** Signs with this app's secret and posts to its request URL, or to another. */
    post: (body: Json | string, options: SendOptions & { url?: string } = {}): Promise<Sent> => {
      const url = options.url ?? nextUrl();
      if (!url) throw new Error('This Slack has no request URL yet: call deliverTo(url) first.');
      return deliver(url, body, { secret, ...options });
    },
    /** Resolves when nothing sent is without an answer. Redeliveries planned for later are not waited for. */
    settled: async (): Promise<void> => {
      while (running.size > 0) await Promise.allSettled(running);
    },
    stop: (): void => {
      isStopped = true;
      for (const timer of timers) clearTimeout(timer);
    },
  };
  world.emit = bridge.emit;
  return bridge;
}
export type Bridge = ReturnType<typeof createBridge>;

const asList = (to: string | string[] | null): string[] => (to === null ? [] : Array.isArray(to) ? [...to] : [to]);
