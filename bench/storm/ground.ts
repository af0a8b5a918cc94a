import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import postgres from 'postgres';
import { newId } from '#core/ids.ts';
import { newKeyRingText } from '#core/keys.ts';
import { ensurePostgres } from '#db/embedded/index.ts';
import { ensureTemporal } from '#scripts/temporal/index.ts';
import { startSlack, type Slack } from '#test/fakes/slack/index.ts';
import { startProduct } from '#bench/product.ts';

export interface StormGround {
  slack: Slack;
  /** Two processes that hear Slack. */
  urls: string[];
  sql: postgres.Sql;
}

/** Two web processes and a worker on their own PostgreSQL and Temporal, and a Slack with one linked person. */
export async function prepareStorm(stops: (() => Promise<unknown>)[]): Promise<StormGround> {
  const folder = await mkdtemp(path.join(tmpdir(), 'abetworks-storm-'));
  stops.push(() => rm(folder, { recursive: true, force: true }));
  const slack = await startSlack();
  stops.push(slack.stop);
  const pg = await ensurePostgres({ dir: path.join(folder, 'pg') });
  stops.push(() => pg.stop({ force: true }));
  const temporal = await ensureTemporal({ dir: path.join(folder, 'temporal') });
  stops.push(() => temporal.stop({ force: true }));
  const settings = {
    DATABASE_URL: pg.url,
    TEMPORAL_ADDRESS: temporal.address,
    ABETWORKS_KEYS: newKeyRingText(),
    ABETWORKS_BUNDLE_DIR: path.resolve(import.meta.dirname, '../../.data/bench'),
    ABETWORKS_OWNER_EMAIL: 'ana@example.com',
    ABETWORKS_LOG_LEVEL: 'warn',
    SLACK_API_URL: slack.apiUrl,
    SLACK_BOT_TOKEN: slack.token(),
    SLACK_SIGNING_SECRET: slack.signingSecret,
  };
  const urls: string[] = [];
  for (const [name, role] of [
    ['one', 'web'],
    ['two', 'web'],
    ['worker', 'worker'],
  ] as const) {
    // Each with a folder of its own, as on machines of their own.
    const own = path.join(folder, name);
    await mkdir(own);
    const product = startProduct(own, settings, [], role);
    stops.push(product.stop);
    const { url } = await product.ready;
    if (role === 'web') urls.push(url);
  }
  const sql = postgres(Object.assign(new URL(pg.adminUrl), { pathname: new URL(pg.url).pathname }).href, {
    max: 1,
    onnotice: () => {},
  });
  stops.push(() => sql.end({ timeout: 1 }));
  await registered(sql);
  await sql`update orgs set settings = coalesce(settings, '{}') || '{"activeRunsPerMember": 1000}'`;
  await sql`insert into identities (id, org_id, member_id, platform, tenant, external_id)
    select ${newId()}, org_id, id, 'slack', ${slack.teamId}, ${slack.as('ana').id} from members limit 1`;
  return { slack, urls, sql };
}

async function registered(sql: postgres.Sql): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    const [row] = await sql`select 1 from slack_installations where status = 'active'`;
    if (row) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('the workspace was not registered');
}
