import { html } from 'hono/html';
import { escapeInvisible } from '#core/text.ts';
import type { LinkedAccount } from '#db/slack-links.ts';
import type { Html } from './frame.ts';
import { time } from './parts.ts';

interface Words {
  title: string;
  /** What is said when there is none. */
  none: string;
  /** Where an account is unlinked: `<path>/<id>/unlink`. */
  path: string;
}

/** A member's Slack accounts: on their own account page, and on the page about them that admins have. */
export const slackSection = (accounts: readonly LinkedAccount[], { title, none, path }: Words): Html =>
  html`<section>
    <h2>${title}</h2>
    ${
      accounts.length === 0
        ? html`<p class="muted">${none}</p>`
        : html`<table class="list">
            <caption class="hush">
              ${title}
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
              ${accounts.map((account) => row(account, path))}
            </tbody>
          </table>`
    }
  </section>`;

const row = (account: LinkedAccount, path: string): Html => {
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
      <form method="post" action="${path}/${account.id}/unlink">
        <button class="small danger" aria-label="Unlink ${name}">Unlink</button>
      </form>
    </td>
  </tr>`;
};
