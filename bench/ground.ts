import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import postgres from 'postgres';
import { ensurePostgres } from '#db/embedded/index.ts';
import { ensureTemporal } from '#scripts/temporal/index.ts';
import { erpConnection, startErp, type Erp } from '#test/fakes/erp.ts';
import { startBare, startModel, type Bare } from './children.ts';
import { createPerson, invite, type Person } from './person.ts';
import { startProduct, type Product } from './product.ts';
import { startWatch, type Watch } from './watch.ts';

/** Everything the measurements need, each part in a process of its own but the ERP, whose clock has to be ours. */
export interface Ground {
  product: Product;
  readyAfterMs: number;
  /** What the whole product consists of, for its memory. */
  servers: { postgres: number; temporal: number };
  erp: Erp;
  watch: Watch;
  /** As the superuser, past row-level security. */
  sql: postgres.Sql;
  /** Owner and admin, for the one who asks and the one who decides. */
  ana: Person;
  bo: Person;
  /** Members who ask, in turn. */
  crowd(): Person;
  /** Started when first asked for: it is no part of the product at rest. */
  bare(): Promise<Bare>;
}

const CROWD = 4;
const OWNER_KEY = 'abw_bench_owner_key_0123456789';

/** Starts it all on free ports in a temporary folder; `stops` takes how each part is stopped, also when a later one fails. */
export async function prepareGround(
  stops: (() => Promise<unknown>)[],
  { nodeFlags, isApart }: { nodeFlags: readonly string[]; isApart: boolean },
): Promise<Ground> {
  const folder = await mkdtemp(path.join(tmpdir(), 'abetworks-bench-'));
  stops.push(() => rm(folder, { recursive: true, force: true }));
  const erp = await startErp({ honoursKey: true });
  stops.push(erp.stop);
  const model = await startModel();
  stops.push(model.stop);
  // The product stops its own servers; these only if it could not.
  const [pgFolder, temporalFolder] = [path.join(folder, 'data/pg'), path.join(folder, 'data/temporal')];
  const settings = {
    ABETWORKS_BOOTSTRAP_KEY: OWNER_KEY,
    ABETWORKS_EGRESS_ALLOW: erp.hostPort,
    ABETWORKS_BUNDLE_DIR: path.resolve(import.meta.dirname, '../.data/bench'),
    // One with a known price, so that the cost caps are counted as they are for people.
    ABETWORKS_MODEL: 'openai/gpt-4o-mini',
    OPENAI_API_KEY: 'bench',
    OPENAI_BASE_URL: model.url,
  };
  const product = startProduct(folder, settings, nodeFlags, isApart ? 'web' : undefined);
  // Before it is ready, so that Ctrl-C during its start stops it too.
  stops.push(product.stop);
  const { url, afterMs } = await product.ready;
  if (isApart) {
    const worker = startProduct(folder, settings, nodeFlags, 'worker');
    stops.push(worker.stop);
    await worker.ready;
  }
  const pg = await ensurePostgres({ dir: pgFolder });
  const temporal = await ensureTemporal({ dir: temporalFolder });
  stops.splice(
    -1,
    0,
    () => pg.stop({ force: true }),
    () => temporal.stop({ force: true }),
  );
  const adminUrl = Object.assign(new URL(pg.adminUrl), { pathname: new URL(pg.url).pathname }).href;
  const sql = postgres(adminUrl, { max: 1, onnotice: () => {} });
  stops.push(() => sql.end({ timeout: 1 }));
  const { people, ...named } = await prepareOrg(url, erp, sql);
  stops.push(() => Promise.all(people.map((person) => person.close())));
  const watch = await startWatch(adminUrl);
  stops.push(watch.stop);
  let bare: Promise<Bare> | undefined;
  stops.push(async () => (await bare?.catch(() => undefined))?.stop());
  return {
    readyAfterMs: afterMs,
    product,
    servers: { postgres: pg.pid, temporal: temporal.pid },
    erp,
    watch,
    sql,
    ...named,
    bare: () => (bare ??= startBare(temporal.address)),
  };
}

/** An org at work: an ERP is connected, and no cap is in the way of the load. */
async function prepareOrg(
  url: string,
  erp: Erp,
  sql: postgres.Sql,
): Promise<{ people: Person[] } & Pick<Ground, 'ana' | 'bo' | 'crowd'>> {
  const ana = createPerson(url, OWNER_KEY);
  await ana.post('/api/v1/connections', erpConnection(erp), 201);
  await sql`update orgs set policy = policy || '{"dailyCostCapNanos": 1000000000000000}',
    settings = coalesce(settings, '{}') || '{"activeRunsPerMember": 1000}'`;
  const bo = await invite(ana, url, 'Bo', 'admin');
  const members: Person[] = [];
  for (let at = 1; at <= CROWD; at += 1) members.push(await invite(ana, url, `Member${at}`, 'member'));
  let asked = 0;
  const crowd = (): Person => {
    const person = members[asked % CROWD];
    asked += 1;
    if (!person) throw new Error('nobody joined');
    return person;
  };
  return { ana, bo, crowd, people: [ana, bo, ...members] };
}
