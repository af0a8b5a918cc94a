import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { createFrames, handshake } from './frames.ts';
import { randomWord, type Json } from './words.ts';

/** The known ones, or one that Slack has yet to think of. */
export type EnvelopeType = 'events_api' | 'interactive' | 'slash_commands' | (string & {});
export interface Ack {
  envelopeId: string;
  type: EnvelopeType;
  /** What the app answered with, if anything. */
  payload: Json | undefined;
  retryAttempt: number;
  tookMs: number;
}
interface Pending {
  id: string;
  type: EnvelopeType;
  payload: Json;
  attempt: number;
  reason: string;
  sentAt: number;
  line: Line | null;
  timer: NodeJS.Timeout | null;
  acked: (ack: Ack) => void;
}
interface Line {
  frames: ReturnType<typeof createFrames>;
  socket: Duplex;
}

// Slack sends an event again three times, and nothing else; an app has 3 s to acknowledge.
const MAX_RETRIES = 3;
const PING_MS = 5000;

/** Slack's side of Socket Mode: one hub per door, for as many connections as the app opens. */
export function createHub() {
  const lines: Line[] = [];
  const tickets = new Set<string>();
  const pending = new Map<string, Pending>();
  const acks: Ack[] = [];
  const state = { opened: 0, next: 0, acksWithinMs: 3000, isMute: false };
  const pinging = setInterval(() => {
    for (const line of lines) line.frames.ping();
  }, PING_MS);
  pinging.unref();

  function place(one: Pending): void {
    const line = lines[state.next % Math.max(1, lines.length)];
    state.next += 1;
    // With nobody connected it waits for the next connection.
    if (!line || state.isMute) return void (one.line = null);
    one.line = line;
    one.sentAt = performance.now();
    one.timer = setTimeout(() => again(one, 'timeout'), state.acksWithinMs);
    line.frames.text(
      JSON.stringify({
        envelope_id: one.id,
        type: one.type,
        payload: one.payload,
        accepts_response_payload: one.type !== 'events_api',
        retry_attempt: one.attempt,
        retry_reason: one.reason,
      }),
    );
  }
  /** Events are sent again under a new envelope id; clicks and commands are not. */
  function again(one: Pending, reason: string): void {
    if (one.timer) clearTimeout(one.timer);
    pending.delete(one.id);
    if (one.type !== 'events_api' || one.attempt >= MAX_RETRIES) return;
    one.id = randomUUID();
    one.attempt += 1;
    one.reason = reason;
    pending.set(one.id, one);
    place(one);
  }
  function heard(text: string): void {
    const frame = JSON.parse(text) as { envelope_id?: string; payload?: Json };
    const one = pending.get(frame.envelope_id ?? '');
    if (!one) return;
    pending.delete(one.id);
    if (one.timer) clearTimeout(one.timer);
    const tookMs = performance.now() - one.sentAt;
    const ack = { envelopeId: one.id, type: one.type, payload: frame.payload, retryAttempt: one.attempt, tookMs };
    acks.push(ack);
    one.acked(ack);
  }
  function lost(line: Line): void {
    const at = lines.indexOf(line);
    if (at >= 0) lines.splice(at, 1);
    for (const one of Array.from(pending.values())) if (one.line === line) again(one, 'connection_closed');
  }

  const hub = {
    /** Set by the door. */
    address: '',
    /** The answer of apps.connections.open. */
    open: (): Json => {
      const ticket = randomWord();
      tickets.add(ticket);
      return { ok: true, url: `${hub.address}/link/?ticket=${ticket}&app_id=A0ABETWORKS` };
    },
    upgrade: (request: IncomingMessage, socket: Duplex): void => {
      const ticket = new URL(request.url ?? '/', 'http://slack.test').searchParams.get('ticket') ?? '';
      const key = request.headers['sec-websocket-key'];
      if (!key || !tickets.delete(ticket)) return void socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n');
      socket.write(handshake(key));
      const line: Line = { socket, frames: createFrames(socket, heard) };
      state.opened += 1;
      lines.push(line);
      socket.on('close', () => lost(line));
      socket.on('error', () => socket.destroy());
      line.frames.text(
        JSON.stringify({
          type: 'hello',
          num_connections: lines.length,
          connection_info: { app_id: 'A0ABETWORKS' },
          debug_info: {
            host: 'applink-1',
            started: new Date().toISOString(),
            build_number: 10,
            approximate_connection_time: 18_060,
          },
        }),
      );
      for (const one of Array.from(pending.values())) if (!one.line) place(one);
    },
    /** Sends one envelope. Resolves with the acknowledgement, whenever it comes; see `sent` for those without one. */
    send: (type: EnvelopeType, payload: Json): Promise<Ack> => {
      const { promise, resolve } = Promise.withResolvers<Ack>();
      const one: Pending = {
        id: randomUUID(),
        type,
        payload,
        attempt: 0,
        reason: '',
        sentAt: performance.now(),
        line: null,
        timer: null,
        acked: resolve,
      };
      pending.set(one.id, one);
      place(one);
      return promise;
    },
    acks: () => [...acks],
    /** Envelopes that are not acknowledged yet. */
    waiting: () => pending.size,
    connections: () => lines.length,
    /** How many connections were ever opened. */
    opened: () => state.opened,
    /** How long an envelope waits before it is sent again. */
    acknowledgeWithin: (ms: number) => {
      state.acksWithinMs = ms;
    },
    /** Says goodbye as Slack does before it closes a connection, then closes it. */
    disconnect: (reason: 'warning' | 'refresh_requested' | 'link_disabled' = 'refresh_requested'): void => {
      for (const line of lines.slice()) {
        line.frames.text(JSON.stringify({ type: 'disconnect', reason, debug_info: { host: 'applink-1' } }));
        if (reason === 'warning') continue;
        line.frames.close(1000);
        setTimeout(() => line.socket.destroy(), 200).unref();
      }
    },
    /** The cable is cut: no word, no close frame. */
    dropConnection: (): void => {
      for (const line of lines.slice()) line.socket.destroy();
    },
    /** While mute, nothing is sent; it all goes out at `mute(false)`. */
    mute: (isMute: boolean): void => {
      state.isMute = isMute;
      if (!isMute) for (const one of Array.from(pending.values())) if (!one.line) place(one);
    },
    stop: (): void => {
      clearInterval(pinging);
      for (const one of pending.values()) if (one.timer) clearTimeout(one.timer);
      pending.clear();
      for (const line of lines.slice()) line.socket.destroy();
    },
  };
  return hub;
}
