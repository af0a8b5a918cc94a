import { html } from 'hono/html';
import { escapeInvisible } from '#core/text.ts';
import type { LinkedAccount } from '#db/slack-links.ts';
import type { Html } from './frame.ts';
import { time } from './parts.ts';

/** A member's Slack accounts, on their account page. */
export const slackSection = (accounts: readonly LinkedAccount[]): Html =>
  html`<section>
    <h2>Slack accounts that act for you</h2>
    ${
      accounts.length === 0
        ? html`<p class="muted">None. Type /abet connect in Slack to link yours.</p>`
        : html`<table class="list">
            <caption class="hush">
              Slack accounts that act for you
            </caption>
            <thead>
              <tr>
                <th scope="col">Account</th>
                <th scope="col">Workspace</th>
                <th scope="col">Linked (UTC)</th>
                <th scope="col"><span class="hush">Unlink</span></th>
              </tr>
            </thead>
            <tbody>
              ${accounts.map(row)}
            </tbody>
          </table>`
    }
  </section>`;

const row = (account: LinkedAccount): Html => {
  const name = escapeInvisible(account.name ?? account.externalId);
  return html`<tr>
    <td data-label="Account">
      <span class="clip"
        >${name}${account.email ? html`<br /><small>${escapeInvisible(account.email)}</small>` : ''}</span
      >
    </td>
    <td data-label="Workspace">${escapeInvisible(account.workspace)}</td>
    <td data-label="Linked (UTC)">${time(account.linkedAt)}</td>
    <td data-label="" class="end">
      <form method="post" action="/account/slack/${account.id}/unlink">
        <button class="small danger" aria-label="Unlink ${name}">Unlink</button>
      </form>
    </td>
  </tr>`;
};
