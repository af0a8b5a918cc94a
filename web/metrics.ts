import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Logger } from 'pino';
import { errorText } from '#core/errors.ts';
import type { Facts, Happened, Standing } from '#db/facts.ts';

/** Answers within this are the same: asking often costs the database nothing. */
const FRESH_MS = 5_000;
/** Providers and models are named by people, so their number is bounded; the rest is `other`. */
const MOST_MODELS = 50;
const OTHER = 'other';
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

export interface Metrics {
  /** One HTTP answer. `route` is the pattern, never the path. */
  answered(answer: { route: string; method: string; status: number; seconds: number }): void;
  /** Prometheus text, format 0.0.4. Never fails: what cannot be read is left out and said so in `abetworks_facts_up`. */
  read(): Promise<string>;
}

/**
 * The product's own families, those of the process, and what `others` adds (Temporal's). `facts` is for one role only: every process would count
 * the same rows. No label holds an id or a text.
 */
export function createMetrics({
  version,
  role,
  log,
  facts,
  others = async () => '',
}: {
  version: string;
  role: string;
  log: Logger;
  facts?: Facts;
  others?: () => Promise<string>;
}): Metrics {
  const register = new Registry();
  const registers = [register];
  collectDefaultMetrics({ register });
  new Gauge({ name: 'abetworks_build_info', help: 'Always 1', labelNames: ['version', 'node', 'role'], registers }).set(
    { version, node: process.versions.node, role },
    1,
  );
  const requests = new Counter({
    name: 'abetworks_http_requests_total',
    help: 'HTTP answers',
    labelNames: ['route', 'method', 'status'],
    registers,
  });
  const took = new Histogram({
    name: 'abetworks_http_request_duration_seconds',
    help: 'From the request to its answer; of a stream, to its start',
    labelNames: ['route', 'method'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers,
  });
  const take = facts ? createFamilies(register, facts) : async () => {};
  let text: Promise<string> = Promise.resolve('');
  let readAt = -FRESH_MS;

  async function collect(): Promise<string> {
    await take().catch((error: unknown) =>
      log.warn({ error: errorText(error) }, 'metrics: the database was not counted'),
    );
    const added = await others().catch((error: unknown) => {
      log.warn({ error: errorText(error) }, 'metrics: the Temporal client was not asked');
      return '';
    });
    return `${await register.metrics()}${added}`;
  }
  return {
    answered: ({ route, method, status, seconds }) => {
      const labels = { route, method: METHODS.has(method) ? method : OTHER };
      requests.inc({ ...labels, status });
      took.observe(labels, seconds);
    },
    read: () => {
      if (performance.now() - readAt >= FRESH_MS) {
        readAt = performance.now();
        text = collect();
      }
      return text;
    },
  };
}

/** What the database knows, as families. */
function createFamilies(register: Registry, facts: Facts): () => Promise<void> {
  const registers = [register];
  const gauge = <L extends string>(name: string, help: string, ...labelNames: L[]): Gauge<L> =>
    new Gauge({ name: `abetworks_${name}`, help, labelNames, registers });
  const counter = <L extends string>(name: string, help: string, ...labelNames: L[]): Counter<L> =>
    new Counter({ name: `abetworks_${name}_total`, help, labelNames, registers });
  const up = gauge('facts_up', '1 when the last counting of the database worked');
  const active = gauge('runs_active', 'Runs that have not ended', 'status');
  const pending = gauge('approvals_pending', 'Approvals that wait for a person');
  const pendingAge = gauge('approvals_pending_oldest_seconds', 'Age of the oldest of them');
  const effects = gauge('effects', 'Effects of the last hour, and open ones of any age', 'state');
  const backlog = gauge('backlog', 'What waits for the sweeper', 'kind');
  const backlogAge = gauge('backlog_oldest_seconds', 'Age of the oldest of it', 'kind');
  const connections = gauge('database_connections', 'Connections of all roles', 'state');
  const created = counter('runs_created', 'Requests stored');
  const decided = counter('approvals_decided', 'Approvals that are settled', 'status');
  const calls = counter('model_calls', 'Calls of models that ended', 'provider', 'model', 'outcome');
  const tokens = counter('model_tokens', 'Tokens, as the vendor counted them', 'provider', 'model', 'kind');
  const cost = counter('model_cost_usd', 'What calls with a known price cost', 'provider', 'model');
  const unpriced = counter('model_calls_unpriced', 'Answered calls whose price is not known', 'provider', 'model');
  const duration = new Histogram({
    name: 'abetworks_run_duration_seconds',
    help: 'From being stored to the end, waiting for people included; its count is the runs ended',
    labelNames: ['status'],
    buckets: [0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 86_400],
    registers,
  });
  const startLag = new Histogram({
    name: 'abetworks_inbox_lag_seconds',
    help: 'From a request being stored to its workflow being started',
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60, 300],
    registers,
  });
  const known = new Set<string>();
  const named = ({ provider, model }: { provider: string; model: string }) => {
    const key = `${provider}/${model}`;
    if (known.size < MOST_MODELS) known.add(key);
    return known.has(key) ? { provider, model } : { provider: OTHER, model: OTHER };
  };

  function show(now: Standing): void {
    for (const family of [active, effects, backlog, backlogAge, connections]) family.reset();
    for (const status of ['running', 'waiting']) active.set({ status }, 0);
    for (const { status, n } of now.activeRuns) active.set({ status }, n);
    pending.set(now.pendingApprovals.n);
    pendingAge.set(now.pendingApprovals.oldestSeconds);
    for (const state of ['intended', 'ambiguous']) effects.set({ state }, 0);
    for (const { state, n } of now.effects) effects.set({ state }, n);
    for (const { kind, n, oldestSeconds } of now.backlog) {
      backlog.set({ kind }, n);
      backlogAge.set({ kind }, oldestSeconds);
    }
    for (const { state, n } of now.connections) connections.set({ state }, n);
  }
  function add(happened: Happened): void {
    created.inc(happened.createdRuns);
    for (const { status, seconds } of happened.endedRuns) duration.observe({ status }, seconds);
    for (const seconds of happened.startLags) startLag.observe(seconds);
    for (const { status, n } of happened.decided) decided.inc({ status }, n);
    for (const call of happened.modelCalls) {
      const model = named(call);
      calls.inc({ ...model, outcome: call.outcome }, call.n);
      tokens.inc({ ...model, kind: 'input' }, call.input);
      tokens.inc({ ...model, kind: 'cached_input' }, call.cached);
      tokens.inc({ ...model, kind: 'output' }, call.output);
      cost.inc(model, call.costNanos / 1e9);
      unpriced.inc(model, call.unpriced);
    }
  }
  return async () => {
    up.set(0);
    const [now, happened] = await Promise.all([facts.standing(), facts.happened()]);
    show(now);
    add(happened);
    up.set(1);
  };
}
