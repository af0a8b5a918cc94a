import { html } from 'hono/html';
import { cut, escapeInvisible } from '#core/text.ts';
import type { ListedAudit } from '#db/views/index.ts';
import type { Html } from './frame.ts';

// A row of the audit log as a sentence: who did what to what.

/** After the actor's name, before the target. What is not here is shown by its own word. */
const DID: Record<string, string> = {
  'org.created': 'made the organisation',
  'run.requested': 'asked for',
  'run.stop': 'stopped',
  'run.done': 'ended',
  'run.failed': 'ended, failed,',
  'run.stopped': 'ended, stopped,',
  'approval.asked': 'asked for approval:',
  'approval.decided': 'decided',
  'approval.edited': 'edited',
  'approval.refused': 'was not let decide',
  'approval.expired': 'let expire',
  'approval.cancelled': 'cancelled',
  'approval.superseded': 'replaced',
  'effect.intended': 'wrote down, to be sent:',
  'effect.confirmed': 'got confirmed:',
  'effect.refused': 'was refused:',
  'effect.not_sent': 'did not send:',
  'effect.ambiguous': 'could not tell whether this arrived:',
  'effect.resolved': 'said how this ended:',
  'connection.added': 'added the connection',
  'connection.removed': 'removed the connection',
  'connection.accepted': 'accepted what is offered by the connection',
  'connection.offer_changed': 'saw a changed offer of the connection',
  'connection.credential_rotated': 'replaced the credential of',
  'connection.up': 'found working the connection',
  'connection.down': 'found down the connection',
  'member.invited': 'invited',
  'member.joined': 'let in',
  'member.changed': 'changed',
  'member.signed_in': 'signed in:',
  'member.signed_out': 'signed out:',
  'member.password_changed': 'changed the password of',
  'member.password_reset': 'reset the password of',
  'member.password_reset_made': 'made a reset link for',
  'identity.linked': 'linked a chat account to',
  'identity.unlinked': 'unlinked a chat account of',
  'api_key.created': 'made the API key',
  'api_key.revoked': 'revoked the API key',
  'settings.changed': 'changed the settings of',
  'model_price.set': 'set a model price',
  'model_price.removed': 'removed a model price',
  'keys.rotated': 'renewed the encryption keys of',
  'retention.pruned': 'removed what was too old from',
};
/** Said of those who did it to themselves. */
const ALONE: Record<string, string> = {
  'member.joined': 'joined',
  'member.changed': 'changed their own membership',
  'member.signed_in': 'signed in',
  'member.signed_out': 'signed out everywhere',
  'member.password_changed': 'changed their password',
  'member.password_reset': 'reset their password',
  'identity.linked': 'linked a chat account to themselves',
  'identity.unlinked': 'unlinked a chat account of their own',
};
const PAGES: Record<string, string> = {
  run: '/runs/',
  approval: '/approvals/',
  effect: '/effects/',
  connection: '/connections/',
};
const NOUNS: Record<string, string> = { run: 'a run', org: 'the organisation', api_key: 'an API key' };

export function auditLine(row: ListedAudit): Html {
  const isThemselves = row.actor.startsWith(`member:${row.targetId}`);
  const words = DID[row.action] ?? row.action.replaceAll(/[._]/g, ' ');
  const did = isThemselves ? (ALONE[row.action] ?? words) : words;
  const key = row.keyName === null ? '' : html` with the key “${escapeInvisible(cut(row.keyName, 60))}”`;
  return html`<strong>${escapeInvisible(row.actorName)}</strong>${key} ${did}
    ${row.action === 'org.created' || isThemselves ? '' : target(row)}${outcome(row)}`;
}

function target({ targetType, targetId, targetName }: ListedAudit): Html {
  const path = PAGES[targetType];
  const text =
    targetName === null
      ? (NOUNS[targetType] ?? targetType.replaceAll('_', ' '))
      : escapeInvisible(cut(targetName, 120));
  return path === undefined ? html`${text}` : html`<a href="${path}${targetId}">${text}</a>`;
}

/** The one word of its details that changes what the sentence says. */
function outcome({ details }: ListedAudit): string {
  const known: unknown = JSON.parse(details);
  if (typeof known !== 'object' || known === null) return '';
  const word = ['decision', 'outcome', 'role', 'status']
    .map((name) => (known as Record<string, unknown>)[name])
    .find((value) => typeof value === 'string');
  return typeof word === 'string' ? `: ${escapeInvisible(word.replaceAll('_', ' '))}` : '';
}
