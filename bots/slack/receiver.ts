import { createChannels } from './channels.ts';
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
  /** `Socket.problem` of the socket of this process, when it has one. */
  socketProblem(): string | null;
  /** Waits, at most 3 s, for what follows acknowledgements. */
  stop(): Promise<void>;
}

/** One receiver for HTTP and Socket Mode: both hand in the same deliveries, and are answered the same. */
export function createSlackReceiver(deps: SlackBotDeps, replaced?: Interactions): SlackReceiver {
  const { config, log } = deps;
  const later = createLater(log);
  let socket: Socket | undefined;
  const people = createPeople(deps);
  const interactions = replaced ?? createInteractions(deps, people);
  const ears: Ears = { deps, later, people, channels: createChannels(deps), workspaces: createWorkspaces(deps) };
  const hear = createHear(ears, interactions);
  return {
    http: createHttp({ secret: config.SLACK_SIGNING_SECRET, hear, later, log, now: deps.now }),
    hear,
    startSocket: async () => (socket = await startSocket({ config, log, hear, later })),
    socketProblem: () => socket?.problem() ?? null,
    stop: later.drain,
  };
}
