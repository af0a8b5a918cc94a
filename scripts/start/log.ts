import pino, { type Logger } from 'pino';

/** JSON lines on standard error; names that could hold a secret are never written. */
export const createLog = (level: string): Logger =>
  pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: {
        paths: [
          'credential',
          'password',
          'token',
          'key',
          'authorization',
          '*.credential',
          '*.password',
          '*.token',
          '*.authorization',
        ],
        censor: '[redacted]',
      },
    },
    pino.destination({ fd: 2, sync: true }),
  );
