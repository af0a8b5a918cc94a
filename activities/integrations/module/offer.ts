import canonicalize from 'canonicalize';
import { z } from 'zod';
import type { OfferChange } from '#activities/integrations/connector.ts';
import { sha256 } from '#core/hash.ts';
import type { Json, JsonObject } from '#core/tools.ts';
import { readListing } from './listing.ts';
import { zModules, type StoredModule, type StoredSettings } from './settings.ts';

// What a server says about its modules is accepted by an admin once. Whatever differs later is off until it is accepted anew.

/** What a server offers now, as it is stored beside the accepted settings. `sha256` names it: what was seen is what is accepted. */
export const zOffered = z.object({ sha256: z.string(), modules: zModules, skipped: z.array(z.string()) });
type Offered = z.infer<typeof zOffered>;

/** Of a whole list, whatever its order. */
export const hashOf = (modules: readonly StoredModule[]): string =>
  sha256(canonicalize(modules.map(({ id, sha256: hash }) => `${id} ${hash}`).toSorted()) ?? '');

/** Null: what is listed is what was accepted. Throws `UserError` when the list cannot be read. */
export function compareOffer(settings: StoredSettings, document: string): JsonObject | null {
  const { modules, skipped } = readListing(document, { known: settings.modules, idempotency: settings.idempotency });
  const hash = hashOf(modules);
  if (hash === settings.sha256) return null;
  return JSON.parse(JSON.stringify({ sha256: hash, modules, skipped } satisfies Offered)) as JsonObject;
}

/** Why a module of the accepted ones may not run now, or null. Works on what was stored: anything unreadable switches all of them off. */
export function whyOff({
  name,
  offered,
}: {
  name: string;
  offered?: JsonObject | null;
}): (module: StoredModule) => string | null {
  if (!offered) return () => null;
  const read = zOffered.safeParse(offered);
  if (!read.success) return () => `What ${name} offers cannot be read, so nothing of it runs.`;
  const now = new Map(read.data.modules.map(({ id, sha256: hash }) => [id, hash]));
  return ({ id, sha256: accepted }) => {
    if (now.get(id) === accepted) return null;
    return now.has(id)
      ? `${name} has changed what it says about ${id}, so ${id} is off until an admin accepts that under Connections.`
      : `${name} no longer offers ${id}.`;
  };
}

export function changesOf(settings: StoredSettings, offered: Offered): OfferChange[] {
  const enabled = new Set(settings.enabled);
  const before = new Map(settings.modules.map((module) => [module.id, module]));
  const after = new Map(offered.modules.map((module) => [module.id, module]));
  return [...new Set([...before.keys(), ...after.keys()])].toSorted().flatMap((id): OfferChange[] => {
    const [old, now] = [before.get(id), after.get(id)];
    const one = now ?? old;
    if (!one || old?.sha256 === now?.sha256) return [];
    const parts = PARTS.map(([name, of]) => ({ name, before: old ? of(old) : '', after: now ? of(now) : '' }));
    return [
      {
        id,
        name: one.name,
        kind: old ? (now ? 'changed' : 'removed') : 'new',
        effect: one.effect,
        isOn: old ? enabled.has(old.name) : false,
        parts: parts.filter((part) => part.before !== part.after),
      },
    ];
  });
}

const schemaText = (schema: Json): string => (schema === null ? '' : JSON.stringify(schema, null, 2));
const PARTS: readonly (readonly [string, (module: StoredModule) => string])[] = [
  ['Name', ({ label }) => label],
  ['Description', ({ description }) => description],
  ['Effect', ({ effect }) => effect],
  ['Honours keys', ({ idempotency }) => (idempotency === 'header' ? 'yes' : '')],
  ['Input', ({ input }) => schemaText(input)],
  ['Output', ({ output }) => schemaText(output)],
];

/** What is offered becomes what is accepted. What was on stays on; `enabled` names exactly those that are on. */
export function acceptOffer(settings: StoredSettings, offered: Offered, enabled?: readonly string[]): StoredSettings {
  const known = new Set(settings.modules.map(({ id }) => id));
  const wanted = new Set(enabled ?? settings.enabled);
  const isOn = ({ id, name }: StoredModule): boolean =>
    wanted.has(name) || wanted.has(id) || (enabled === undefined && !known.has(id));
  return {
    ...settings,
    modules: offered.modules,
    skipped: offered.skipped,
    enabled: offered.modules.filter(isOn).map(({ name }) => name),
    sha256: offered.sha256,
  };
}
