import { Hono } from 'hono';
import type { Context } from 'hono';
import { html } from 'hono/html';
import { findConnector, slugOf } from '#activities/integrations/index.ts';
import { z } from 'zod';
import { UserError } from '#core/errors.ts';
import { zText } from '#core/text.ts';
import type { JsonObject } from '#core/tools.ts';
import { actorText } from '#core/roles.ts';
import { addConnection } from '#db/connections.ts';
import { audit } from '#db/audit.ts';
import { requireListed } from '#db/settings.ts';
import type { WebDeps } from '#web/deps.ts';
import type { WebEnv } from '#web/env.ts';
import { compileSettings, parseCredential } from '#web/routes/connection-input.ts';
import { nothingTyped, previewForm, rawSettings, readTyped, startForm, type Typed } from './connection-form.ts';
import { type Connector, catalog, readCredential } from './credential-form.ts';
import type { Frame, Html } from './frame.ts';
import { modulePreview, openTyped, sealTyped } from './module-form.ts';
import { allowed, attempt, readForm } from './parts.ts';

/** Making a connection: choose a connector, say what it is, choose its actions. */
export function newConnectionPages({ deps, frame }: { deps: WebDeps; frame: Frame }): Hono<WebEnv> {
  const { db, client, keys } = deps;
  const pages = new Hono<WebEnv>();

  const draw = (c: Context<WebEnv>, connector: Connector, lead: string, form: Html, status = 200) =>
    frame.page(c, {
      title: `Connect ${connector.title}`,
      section: 'connections',
      status,
      body: html`<div class="page">
        <header>
          <div>
            <h1>Connect ${connector.title}</h1>
            <p class="lead">${lead}</p>
          </div>
        </header>
        ${form}
      </div>`,
    });

  pages.get('/connections/new', async (c) => {
    allowed(c, 'connection.manage');
    const wanted = catalog.find(({ id }) => id === c.req.query('connector'));
    if (wanted) return draw(c, wanted, wanted.description, startForm(wanted, nothingTyped));
    const body = html`<div class="page">
      <header>
        <div>
          <h1>Connect a system</h1>
          <p class="lead">What should the assistant be able to use?</p>
        </div>
      </header>
      ${catalog.map(
        ({ id, title, description }) =>
          html`<article class="card">
            <h2>${title}</h2>
            <p class="lead">${description}</p>
            <br />
            <a class="button" href="/connections/new?connector=${id}">Connect ${title}</a>
          </article>`,
      )}
    </div>`;
    return frame.page(c, { title: 'Connect a system', section: 'connections', body });
  });

  async function posted(c: Context<WebEnv>) {
    const actor = allowed(c, 'connection.manage');
    const form = await readForm(c);
    const connector = findConnector(form.text('connector'));
    const sealed = form.text('credential.sealed');
    const credential = () =>
      sealed === '' ? parseCredential(connector, readCredential(connector, form)) : openTyped(keys, actor, sealed);
    const compile = (typed: Typed, enabled: 'reads' | string[]) =>
      compileSettings(connector, rawSettings(connector, typed, enabled), {
        client,
        actor,
        // Only who is asked what it can do is asked with it.
        credential: connector.watched ? credential() : {},
      });
    const preview = (typed: Typed, settings: JsonObject, problem = '') =>
      connector.watched
        ? modulePreview(connector, typed, settings, { sealed: sealTyped(keys, actor, credential()), problem })
        : previewForm(connector, typed, settings, problem);
    return { actor, form, connector, credential, compile, preview };
  }
  const LEAD = 'Choose what is on. You can change your mind by connecting it again.';

  pages.post('/connections/preview', async (c) => {
    const { form, connector, compile, preview } = await posted(c);
    const read = await attempt(() => readTyped(form, connector));
    if ('problem' in read)
      return draw(c, connector, connector.description, startForm(connector, nothingTyped, read.problem.message), 422);
    const compiled = await attempt(async () => {
      parseName(read.value.name);
      return compile(read.value, 'reads');
    });
    if ('problem' in compiled)
      return draw(
        c,
        connector,
        connector.description,
        startForm(connector, read.value, compiled.problem.message),
        compiled.problem.status,
      );
    return draw(c, connector, LEAD, preview(read.value, compiled.value));
  });

  pages.post('/connections', async (c) => {
    const { actor, form, connector, credential: credentialOf, compile, preview } = await posted(c);
    const typed = await readTyped(form, connector);
    const made = await attempt(async () => {
      const name = parseName(typed.name);
      const credential = credentialOf();
      const settings = await compile(typed, typed.enabled);
      // What was seen is what is accepted.
      if (connector.watched && form.text('seen') !== settings['sha256'])
        throw new UserError('What it offers has changed since you looked. Look again.', { status: 409 });
      const wanted = {
        connector: connector.id,
        name,
        slug: slugOf(name),
        settings,
        isTrusted: typed.isTrusted,
        visibility: 'org' as const,
        ownerMemberId: actor.memberId,
        isWatched: connector.watched !== undefined,
      };
      return db.withOrg(actor.orgId, async (org) => {
        await requireListed(org, connector.hosts(settings));
        const added = await addConnection(org, keys, wanted, credential);
        const target = { type: 'connection', id: added.id };
        const details = { connector: connector.id, isTrusted: typed.isTrusted };
        await audit(org, { actor: actorText(actor), action: 'connection.added', target, details });
        return added;
      });
    });
    if ('value' in made) return c.redirect(`/connections/${made.value.id}`, 303);
    const { message, status } = made.problem;
    const again = form.text('step') === 'preview' ? await attempt(() => compile(typed, 'reads')) : null;
    const page =
      again && 'value' in again
        ? preview({ ...typed, enabled: stillOn(typed, again.value) }, again.value, message)
        : startForm(connector, typed, message);
    return draw(c, connector, connector.description, page, status);
  });
  return pages;
}

const zNamed = z.array(z.object({ name: z.string() })).default([]);
const readNames = ({ actions, modules }: JsonObject): string[] =>
  [...zNamed.parse(actions), ...zNamed.parse(modules)].map(({ name }) => name);

const stillOn = (typed: Typed, settings: JsonObject): string[] => {
  const names = new Set(readNames(settings));
  return typed.enabled.filter((name) => names.has(name));
};

function parseName(typed: string): string {
  const name = zText(80).safeParse(typed);
  if (!name.success) throw new UserError('Name: must be 1 to 80 characters.', { status: 422, field: 'name' });
  return name.data;
}
