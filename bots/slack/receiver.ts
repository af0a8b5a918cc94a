import type { Interactions, SlackBotDeps } from './deps.ts';
import type { Ears } from './ears.ts';
import { createHear, type Hear } from './hear.ts';
import { createHttp } from './http.ts';
import { createInteractions } from './interactions.ts';
import { createLater } from './later.ts';
import { createPeople } from './people.ts';
import { startSocket, type Socket } from './socket.ts';
import { createWorkspaces } from './workspaces.ts';

export interface SlackReceiver {
  /** `POST /slack/events`: events, slash commands and interactions. */
  http(request: Request): Promise<Response>;
  hear: Hear;
  /** Opens Socket Mode with SLACK_APP_TOKEN, and keeps it open. */
  startSocket(): Promise<Socket>;
  /** Waits, at most 3 s, for what follows acknowledgements. */
  stop(): Promise<void>;
}

/** One receiver for HTTP and Socket Mode: both hand in the same deliveries, and are answered the same. */
export function createSlackReceiver(
  deps: SlackBotDeps,
  interactions: Interactions = createInteractions(deps),
): SlackReceiver {
  const { config, log } = deps;
  const later = createLater(log);
  const ears: Ears = { deps, later, people: createPeople(deps), workspaces: createWorkspaces(deps) };
  const hear = createHear(ears, interactions);
  return {
    http: createHttp({ secret: config.SLACK_SIGNING_SECRET, hear, later, log, now: deps.now }),
    hear,
    startSocket: () => startSocket({ config, log, hear, later }),
    stop: later.drain,
  };
}
