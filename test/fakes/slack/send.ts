import { createHmac } from 'node:crypto';
import type { Json } from './words.ts';

export interface Sent {
  status: number;
  /** Parsed when it is JSON, else the text. */
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look at whatever came
  body: any;
  headers: Headers;
  tookMs: number;
}
export interface SendOptions {
  /** false: a JSON event; true: a slash command's form fields; 'payload': an interaction. */
  form?: boolean | 'payload';
  secret?: string;
  headers?: Record<string, string>;
  /** Seconds by which the signed time is off. */
  skewS?: number;
  /** The signed time itself, seconds since 1970; wins over skewS. */
  timestamp?: number | string;
  withinMs?: number;
}

/** The bytes Slack would send for a body, and the headers that sign them. */
export function sign(body: Json | string, options: SendOptions & { secret: string }) {
  const raw = encode(body, options.form ?? false);
  const timestamp = String(options.timestamp ?? Math.floor(Date.now() / 1000) + (options.skewS ?? 0));
  const signature = `v0=${createHmac('sha256', options.secret).update(`v0:${timestamp}:${raw}`).digest('hex')}`;
  const headers: Record<string, string> = {
    'content-type': options.form ? 'application/x-www-form-urlencoded' : 'application/json',
    'user-agent': 'Slackbot 1.0 (+https://api.slack.com/robots)',
    'x-slack-request-timestamp': timestamp,
    'x-slack-signature': signature,
    ...options.headers,
  };
  return { raw, headers };
}

/**
 * Signs a body as Slack does and posts it. Gives the answer; throws what fetch throws when there is none.
 * A string body is sent as it is.
 */
export async function deliver(
  url: string,
  body: Json | string,
  options: SendOptions & { secret: string },
): Promise<Sent> {
  const { raw, headers } = sign(body, options);
  const started = performance.now();
  const signal = AbortSignal.timeout(options.withinMs ?? 10_000);
  const answer = await fetch(url, { method: 'POST', body: raw, headers, redirect: 'manual', signal });
  const text = await answer.text();
  return { status: answer.status, body: parse(text), headers: answer.headers, tookMs: performance.now() - started };
}

function encode(body: Json | string, form: boolean | 'payload'): string {
  if (typeof body === 'string') return body;
  if (form === 'payload') return new URLSearchParams({ payload: JSON.stringify(body) }).toString();
  return form ? new URLSearchParams(body).toString() : JSON.stringify(body);
}

export function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
