import { z } from 'zod';
import { UserError } from '#core/errors.ts';
import { nanosFromUsd } from '#core/money.ts';
import { policyFields, settingsFields } from '#core/policy.ts';
import { zText } from '#core/text.ts';
import type { Settings, SettingsChange } from '#db/settings.ts';
import type { Form } from './parts.ts';

const HOUR_MS = 3_600_000;

/** The form as it stands on the page: words and lists of words. */
export interface TypedSettings {
  version: string;
  name: string;
  write: string;
  destructive: string;
  approverRoles: string[];
  approverMembers: string[];
  /** Hours. */
  expiresAfter: string;
  useWithin: string;
  /** One a line. */
  linkHosts: string;
  egressHosts: string;
  /** US dollars. */
  dailyCost: string;
  runCost: string;
  activeRuns: string;
  /** Days; empty: for ever. */
  runsDays: string;
  eventsDays: string;
  /** `on` or empty. */
  slackMatchEmail: string;
  slackTellApprovers: string;
  /** One a line. */
  slackChannels: string;
}

const usd = (nanos: number): string => `${nanos / 1e9}`;
const hours = (ms: number): string => `${Math.round((ms / HOUR_MS) * 10_000) / 10_000}`;

/** What the form shows for stored settings. */
export const typedOf = ({ version, name, policy, settings }: Settings): TypedSettings => ({
  version,
  name,
  write: policy.write,
  destructive: policy.destructive,
  approverRoles: policy.approverRoles,
  approverMembers: policy.approverMembers,
  expiresAfter: hours(policy.approvalExpiresAfterMs),
  useWithin: hours(policy.useWithinMs),
  linkHosts: policy.linkHosts.join('\n'),
  egressHosts: settings.egressHosts.join('\n'),
  dailyCost: usd(policy.dailyCostCapNanos),
  runCost: usd(settings.runCostCapNanos),
  activeRuns: `${settings.activeRunsPerMember}`,
  runsDays: `${settings.retention.runsDays ?? ''}`,
  eventsDays: `${settings.retention.eventsDays ?? ''}`,
  slackMatchEmail: settings.slack.matchEmail ? 'on' : '',
  slackTellApprovers: settings.slack.tellApprovers ? 'on' : '',
  slackChannels: settings.slack.channels.join('\n'),
});

/** What was typed, to be parsed or shown again. */
export const readTyped = (form: Form): TypedSettings => ({
  version: form.text('version'),
  name: form.text('name'),
  write: form.text('write'),
  destructive: form.text('destructive'),
  approverRoles: form.all('approverRoles'),
  approverMembers: form.all('approverMembers'),
  expiresAfter: form.text('expiresAfter'),
  useWithin: form.text('useWithin'),
  linkHosts: form.text('linkHosts'),
  egressHosts: form.text('egressHosts'),
  dailyCost: form.text('dailyCost'),
  runCost: form.text('runCost'),
  activeRuns: form.text('activeRuns'),
  runsDays: form.text('runsDays'),
  eventsDays: form.text('eventsDays'),
  slackMatchEmail: form.text('slackMatchEmail'),
  slackTellApprovers: form.text('slackTellApprovers'),
  slackChannels: form.text('slackChannels'),
});

const zForm = z.object({
  name: zText(100),
  policy: z.strictObject(policyFields()),
  settings: z.strictObject(settingsFields()),
});

// What went wrong with each field, in the words of the form.
const PROBLEMS: Record<string, string> = {
  name: 'Name: must be 1 to 100 characters.',
  'policy.write': 'Writes: choose one.',
  'policy.destructive': 'Deleting and overwriting: choose one.',
  'policy.approvalExpiresAfterMs': 'Time to decide: must be from one minute (0.02 hours) to 720 hours.',
  'policy.useWithinMs': 'Time to use a decision: must be from one minute (0.02 hours) to 720 hours.',
  'policy.dailyCostCapNanos': 'Cost of a day: must be a number of dollars, up to 1000000.',
  'settings.runCostCapNanos': 'Cost of a request: must be a number of dollars, up to 1000000.',
  'settings.activeRunsPerMember': 'Requests under way: must be a whole number from 1 to 1000.',
  'settings.retention.runsDays': 'Days to keep requests: must be a whole number from 1 to 3650, or empty.',
  'settings.retention.eventsDays': 'Days to keep events: must be a whole number from 7 to 3650, or empty.',
};

/** What the form asks for. Throws `UserError` 422 in the form's words. */
export function changeOf(typed: TypedSettings): SettingsChange {
  const raw = {
    name: typed.name,
    policy: {
      write: typed.write,
      destructive: typed.destructive,
      approverRoles: typed.approverRoles,
      approverMembers: typed.approverMembers,
      approvalExpiresAfterMs: Math.round(number(typed.expiresAfter) * HOUR_MS),
      useWithinMs: Math.round(number(typed.useWithin) * HOUR_MS),
      dailyCostCapNanos: nanosFromUsd(number(typed.dailyCost)),
      linkHosts: linesOf(typed.linkHosts),
    },
    settings: {
      egressHosts: linesOf(typed.egressHosts),
      runCostCapNanos: nanosFromUsd(number(typed.runCost)),
      activeRunsPerMember: number(typed.activeRuns),
      retention: { runsDays: orNever(typed.runsDays), eventsDays: orNever(typed.eventsDays) },
      slack: {
        matchEmail: typed.slackMatchEmail === 'on',
        tellApprovers: typed.slackTellApprovers === 'on',
        channels: linesOf(typed.slackChannels).map((id) => id.toUpperCase()),
      },
    },
  };
  const parsed = zForm.safeParse(raw);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = issue?.path ?? [];
  const field = path.join('.');
  const [part, list, at] = path;
  const lines = list === 'egressHosts' ? raw.settings.egressHosts : raw.policy.linkHosts;
  if (field.startsWith('settings.slack.channels'))
    throw new UserError(
      `Slack channels: “${raw.settings.slack.channels[Number(path[3])] ?? ''}” ${issue?.message ?? ''}.`,
      {
        status: 422,
        field: 'settings.slack.channels',
      },
    );
  const isHost = part !== undefined && (list === 'egressHosts' || list === 'linkHosts') && typeof at === 'number';
  const label = list === 'egressHosts' ? 'Hosts that connections may reach' : 'Hosts whose links stay links';
  const problem = isHost ? `${label}: “${lines[at] ?? ''}” ${issue?.message ?? ''}.` : PROBLEMS[field];
  throw new UserError(problem ?? 'The form is incomplete. Reload the page and try again.', { status: 422, field });
}

const number = (text: string): number => (/^\s*\d+([.,]\d+)?\s*$/.test(text) ? Number(text.replace(',', '.')) : NaN);
const orNever = (text: string): number | null => (text.trim() === '' ? null : number(text));
const linesOf = (text: string): string[] =>
  text
    .split(/[\s,]+/)
    .map((line) => line.trim().toLowerCase())
    .filter(Boolean);
