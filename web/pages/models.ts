import { Hono } from 'hono';
import type { Context } from 'hono';
import { html } from 'hono/html';
import { UserError } from '#core/errors.ts';
import { nanosFromUsd } from '#core/money.ts';
import { may } from '#core/roles.ts';
import { removePriceOverride, setPriceOverride, zPriceOverride } from '#db/model-prices.ts';
import { chainOf, readModels, type ModelsView } from '#db/views/index.ts';
import type { WebDeps } from '#web/deps.ts';
import type { WebEnv } from '#web/env.ts';
import type { Frame, Html } from './frame.ts';
import { chainTable, failureList, ownPrices, spendSection, type TypedPrice } from './models-view.ts';
import { alert, allowed, attempt, good, nothing, readForm, type Form } from './parts.ts';

interface Said {
  problem?: string;
  success?: string;
  typed?: TypedPrice;
}

/** Which models answer, in which order, what they cost and how they do; for admins: spend, and prices of their own. */
export function modelPages({ deps, frame }: { deps: WebDeps; frame: Frame }): Hono<WebEnv> {
  const { db, modelName } = deps;
  const chain = chainOf(modelName);
  const pages = new Hono<WebEnv>();

  async function draw(c: Context<WebEnv>, said: Said = {}, status = 200): Promise<Response> {
    const actor = allowed(c, 'connection.read');
    const view = await db.withOrg(actor.orgId, (org) => readModels(org, actor, chain));
    const mayManage = may(actor, 'policy.manage');
    return frame.page(c, { title: 'Models', section: 'models', status, body: modelBody(view, said, mayManage) });
  }

  pages.get('/models', (c) => draw(c));

  pages.post('/models/prices', async (c) => {
    const actor = allowed(c, 'policy.manage');
    const typed = readTyped(await readForm(c));
    const set = await attempt(async () => {
      const price = priceOf(typed);
      await db.withOrg(actor.orgId, (org) => setPriceOverride(org, actor, price));
      return price;
    });
    if ('problem' in set) return draw(c, { problem: set.problem.message, typed }, set.problem.status);
    return draw(c, { success: `${set.value.provider}/${set.value.model} is now counted at your price.` });
  });

  pages.post('/models/prices/remove', async (c) => {
    const actor = allowed(c, 'policy.manage');
    const form = await readForm(c);
    const [provider, model] = [form.text('provider'), form.text('model')];
    const isRemoved = await db.withOrg(actor.orgId, (org) => removePriceOverride(org, actor, provider, model));
    return isRemoved
      ? draw(c, { success: `Your price of ${provider}/${model} is removed: the price list counts again.` })
      : draw(c, { problem: 'There is no such price any more.' }, 404);
  });
  return pages;
}

function readTyped(form: Form): TypedPrice {
  const text = (name: string): string => form.text(name).trim();
  return {
    provider: text('provider'),
    model: text('model'),
    input: text('input'),
    cached: text('cached'),
    write: text('write'),
    output: text('output'),
  };
}

/** What was typed, in US dollars for a million tokens. Throws `UserError` 422 that names the field. */
function priceOf(typed: TypedPrice) {
  const nanos = (label: string, text: string): number => {
    if (!/^\d{1,6}([.,]\d{1,9})?$/.test(text))
      throw new UserError(`${label}: must be an amount in US dollars below 1,000,000, such as 0.25`, { status: 422 });
    return nanosFromUsd(Number(text.replace(',', '.')));
  };
  const orNull = (label: string, text: string): number | null => (text === '' ? null : nanos(label, text));
  const parsed = zPriceOverride.safeParse({
    provider: typed.provider,
    model: typed.model,
    inputNanos: nanos('Input', typed.input),
    cachedInputNanos: orNull('Read from cache', typed.cached),
    cacheWriteNanos: orNull('Written to cache', typed.write),
    outputNanos: nanos('Output', typed.output),
  });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new UserError(`${issue?.path.join('.') || 'price'}: ${issue?.message ?? 'is not valid'}`, { status: 422 });
}

function modelBody(view: ModelsView, said: Said, mayManage: boolean): Html {
  return html`<div class="page">
    <header>
      <div>
        <h1>Models</h1>
        <p class="lead">
          ${
            view.isFirst
              ? 'Asked in this order: when one does not answer, the next does.'
              : 'The models of this server belong to its first organisation. Yours uses the rule-based mode, which needs no model and costs nothing.'
          }
        </p>
      </div>
    </header>
    ${alert(said.problem)}${good(said.success)}${chainTable(view)}${view.isFirst && isRulesOnly(view) ? howToConnect : nothing}
    ${spendSection(view, mayManage)}${failureList(view.failures)} ${mayManage ? ownPrices(view, said.typed) : nothing}
  </div>`;
}

const isRulesOnly = ({ items }: ModelsView): boolean =>
  items.every(({ provider, position }) => provider === 'rules' || position === null);

const howToConnect: Html = html`<div class="empty">
  <h2>No model is connected</h2>
  <p>
    Whoever runs this server sets <code>ANTHROPIC_API_KEY</code>, <code>OPENAI_API_KEY</code> or
    <code>GEMINI_API_KEY</code>, and the order in <code>ABETWORKS_MODEL</code>, and starts it again. Until then the
    rule-based mode answers.
  </p>
</div>`;
