import pino, { type Logger } from 'pino';
import { activityFields } from '#activities/log-fields.ts';
import { requestFields } from '#web/observe.ts';

/** Names that could hold a secret or what somebody wrote: never written, at the top or one level down, whoever logs them. */
const SECRET = [
  'credential',
  'credentials',
  'password',
  'passwordHash',
  'token',
  'secret',
  'key',
  'keys',
  'apiKey',
  'authorization',
  'cookie',
  'headers',
  'invitation',
  'signInLink',
  'text',
  'input',
  'payload',
  'result',
  'body',
  'query',
  'params',
  'parameters',
];

export interface LogTarget {
  write(line: string): void;
  /** A person reads along. */
  isTTY?: boolean;
}

/**
 * One line an event, JSON unless `format` says text or, without it, the target is a terminal. Each line of a request has its requestId; each of an
 * activity its orgId, runId, workflowId, activity and attempt.
 */
export const createLog = (
  level: string,
  { format, target = process.stderr }: { format?: 'json' | 'text' | undefined; target?: LogTarget } = {},
): Logger => {
  const isText = format === undefined ? target.isTTY === true : format === 'text';
  // Straight to the file descriptor: what was logged just before a crash is there.
  const to = target === process.stderr ? pino.destination({ fd: 2, sync: true }) : target;
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      mixin: () => ({ ...requestFields(), ...activityFields() }),
      redact: { paths: [...SECRET, ...SECRET.map((name) => `*.${name}`)], censor: '[redacted]' },
    },
    isText ? { write: (line: string) => void to.write(asText(line)) } : to,
  );
};

/** `09:41:07 warn restarted runId=…`: for a person at a terminal. */
function asText(line: string): string {
  const { time, level, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const words = Object.entries(fields).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return `${[String(time).slice(11, 19), level, msg, ...words].join(' ')}\n`;
}
