import type { HomeRef, RunRef } from '#workflows/names.ts';
import type { Engine } from './engine.ts';

/** Stands in for Temporal: remembers what it was asked; while `isAway`, everything fails. */
export function fakeEngine() {
  const engine = {
    isAway: false,
    /** Runs whose every call fails, although Temporal is there. */
    broken: new Set<string>(),
    started: [] as { runId: string; again: boolean }[],
    woken: [] as string[],
    cancelled: [] as string[],
    opened: [] as HomeRef[],
    looks: new Map<string, Awaited<ReturnType<Engine['look']>>>(),
  };
  const check = ({ runId }: RunRef): void => {
    if (engine.isAway || engine.broken.has(runId)) throw new Error('Temporal is away');
  };
  const port: Engine = {
    start: async (run, options) => {
      check(run);
      engine.started.push({ runId: run.runId, again: options?.again ?? false });
    },
    wake: async (run) => {
      check(run);
      engine.woken.push(run.runId);
    },
    cancel: async (run) => {
      check(run);
      engine.cancelled.push(run.runId);
    },
    look: async (run) => {
      check(run);
      return engine.looks.get(run.runId) ?? { state: 'open' };
    },
    ask: async () => {},
    openHome: async (home) => {
      if (engine.isAway) throw new Error('Temporal is away');
      engine.opened.push(home);
    },
    isAlive: async () => !engine.isAway,
  };
  return Object.assign(engine, { port });
}
export type FakeEngine = ReturnType<typeof fakeEngine>;
