import { pino } from 'pino';
import { fakeEngine } from './engine.fixture.ts';
import type { SweepDeps } from './sweep.ts';

/** A sweeper with nothing to do beside its database: a test puts in what it looks at. */
export const idleSweep = ({ db, keys }: Pick<SweepDeps, 'db' | 'keys'>): SweepDeps => ({
  db,
  keys,
  engine: fakeEngine().port,
  log: pino({ level: 'silent' }),
  editCards: async () => {},
  editQuestion: async () => {},
  tellApprovers: async () => {},
  showProgress: async () => {},
  giveUp: async () => {},
  checkHealth: async () => ({ isDown: false, runIds: [] }),
  keepCheckpoint: async () => {},
});
