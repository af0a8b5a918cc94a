import { Hono } from 'hono';
import type { Auth } from '#web/auth/index.ts';
import type { WebDeps } from '#web/deps.ts';
import type { WebEnv } from '#web/env.ts';

/** Placeholder: the pages are being written. */
export const createPages = (_deps: WebDeps, _auth: Auth): Hono<WebEnv> => new Hono<WebEnv>();
