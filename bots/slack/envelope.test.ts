import { expect, test } from 'vitest';
import {
  eventKey,
  interactionKey,
  NOWHERE,
  tenantOf,
  tenantOfInteraction,
  zEnvelope,
  zInteraction,
  type Envelope,
} from './envelope.ts';

const envelope = (body: object): Envelope => zEnvelope.parse(body);
const interaction = (body: object) => zInteraction.parse(body);

test.each([
  ['the team of the envelope, when it is all there is', { team_id: 'T1', authorizations: [{ is_bot: true }] }, 'T1'],
  ['the authorisation’s team before it', { team_id: 'T2', authorizations: [{ team_id: 'T1' }] }, 'T1'],
  ['the context’s team first: in a shared channel the others differ', { team_id: 'T2', context_team_id: 'T1' }, 'T1'],
  [
    'the enterprise, when the app is installed for all of it',
    { context_team_id: 'T1', authorizations: [{ enterprise_id: 'E1', team_id: 'T1', is_enterprise_install: true }] },
    'E1',
  ],
  [
    'the team, when the app is installed in one team of an enterprise',
    { context_team_id: 'T1', context_enterprise_id: 'E1', authorizations: [{ enterprise_id: 'E1', team_id: 'T1' }] },
    'T1',
  ],
  [
    'the enterprise, when the app is taken out of all of it: nobody is authorised any more',
    { team_id: 'T1', enterprise_id: 'E1', is_enterprise_install: true, event: { type: 'app_uninstalled' } },
    'E1',
  ],
  ['the enterprise, when no team is named', { team_id: null, enterprise_id: 'E1' }, 'E1'],
  [
    'the team, when the app is taken out of one team of an enterprise',
    { team_id: 'T1', enterprise_id: 'E1', event: { type: 'app_uninstalled' } },
    'T1',
  ],
  [
    'the enterprise, when what says that it is installed for all of it is a text',
    { context_team_id: 'T1', authorizations: [{ enterprise_id: 'E1', team_id: 'T1', is_enterprise_install: 'true' }] },
    'E1',
  ],
  [
    'the enterprise, when it is taken out of all of it, in a text',
    { team_id: 'T1', enterprise_id: 'E1', is_enterprise_install: 'true', event: { type: 'app_uninstalled' } },
    'E1',
  ],
  [
    'the team, when a text says that it is not installed for all of it',
    { context_team_id: 'T1', authorizations: [{ enterprise_id: 'E1', team_id: 'T1', is_enterprise_install: 'false' }] },
    'T1',
  ],
  ['nowhere, when nothing says', { team_id: 7, authorizations: 'x' }, NOWHERE],
])('I3 an event belongs to %s', (_, body, tenant) => {
  expect(tenantOf(envelope(body))).toBe(tenant);
});

test('I2 an event’s key is its id; without one, what tells it from every other', () => {
  const reaction = {
    type: 'reaction_added',
    user: 'U1',
    reaction: '+1',
    item: { channel: 'C1', ts: '1.1' },
    event_ts: '2.2',
  };
  expect(eventKey(envelope({ event_id: 'Ev1', event: reaction }))).toBe('Ev1');
  const key = eventKey(envelope({ event: reaction }));
  expect(key).toContain('C1:1.1');
  expect(eventKey(envelope({ event: { ...reaction, extra: 'field' } }))).toBe(key);
  for (const change of [{ user: 'U2' }, { event_ts: '2.3' }, { item: { channel: 'C1', ts: '1.2' } }])
    expect(eventKey(envelope({ event: { ...reaction, ...change } }))).not.toBe(key);
});

test('I2 an interaction’s key is its trigger; without one, the click’s own time, person and message', () => {
  expect(interactionKey(interaction({ type: 'block_actions', trigger_id: '1.2.ab' }))).toBe('1.2.ab');
  const click = {
    type: 'block_actions',
    user: { id: 'U1' },
    container: { message_ts: '1.1' },
    actions: [{ action_id: 'approve:1', action_ts: '2.2' }],
  };
  const key = interactionKey(interaction(click));
  expect(interactionKey(interaction(click))).toBe(key);
  expect(interactionKey(interaction({ ...click, user: { id: 'U2' } }))).not.toBe(key);
  expect(interactionKey(interaction({ ...click, container: { message_ts: '1.2' } }))).not.toBe(key);
});

test('I3 a modal belongs to where the app is installed, not to the workspace of whoever fills it in; a click to where it happened', () => {
  const filled = { team: { id: 'T9' }, user: { team_id: 'T9' }, view: { app_installed_team_id: 'T1' } };
  expect(tenantOfInteraction(interaction(filled))).toBe('T1');
  expect(tenantOfInteraction(interaction({ team: { id: 'T1' }, user: { team_id: 'T9' } }))).toBe('T1');
  const home = { type: 'block_actions', team: { id: 'T1' }, view: { app_installed_team_id: 'T9' } };
  expect(tenantOfInteraction(interaction(home))).toBe('T1');
  expect(tenantOfInteraction(interaction({ ...home, team: null }))).toBe('T9');
  const noTeam = { team: null, enterprise: { id: 'E1' }, user: { team_id: 'T1' } };
  expect(tenantOfInteraction(interaction(noTeam))).toBe('E1');
  const all = { is_enterprise_install: true, enterprise: { id: 'E1' }, team: { id: 'T1' } };
  expect(tenantOfInteraction(interaction(all))).toBe('E1');
  expect(tenantOfInteraction(interaction({ ...all, is_enterprise_install: 'true' }))).toBe('E1');
  expect(tenantOfInteraction(interaction({ ...all, is_enterprise_install: 'false' }))).toBe('T1');
});
