import { z } from 'zod';
import { zRole } from './roles.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 3_600_000;
const HOST = '[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*';
const PORT = '(:([1-9]\\d{0,3}|[1-5]\\d{4}|6[0-4]\\d{3}|65[0-4]\\d{2}|655[0-2]\\d|6553[0-5]))?';
const zHost = (pattern: string, problem: string) =>
  z
    .string()
    .max(260)
    .regex(new RegExp(`^${pattern}$`), problem)
    .toLowerCase();
const zNanos = () => z.int().min(0).max(1_000_000_000_000_000);
const zWait = () =>
  z
    .int()
    .min(MINUTE_MS)
    .max(30 * DAY_MS);

// Functions: the API's document knows only schemas that were made after its library was loaded.

/** What people may set of a policy; without defaults, so that a part can be left as it is. */
export const policyFields = () => ({
  /** `approve`: waits for a person. `run`: goes on by itself, unless the run is tainted (RULES T2). */
  write: z.enum(['approve', 'run']),
  destructive: z.enum(['approve', 'run']),
  /** Viewers never decide. */
  approverRoles: z.array(z.enum(['owner', 'admin', 'member'])).max(3),
  approverMembers: z.array(z.guid().toLowerCase()).max(200),
  /** How long a person has to decide. */
  approvalExpiresAfterMs: zWait(),
  /** How long a decision may wait for its use (RULES A5). */
  useWithinMs: zWait(),
  /** What models may cost the org in one UTC day, in nano-USD. */
  dailyCostCapNanos: zNanos(),
  /** Hosts whose links stay links in chat and pages (RULES T4). */
  linkHosts: z.array(zHost(HOST + PORT, 'must be a host such as example.com')).max(200),
});

/** What an org sets beside its policy; without defaults. */
export const settingsFields = () => ({
  /** Hosts that connections may reach, `example.com` or `*.example.com`; empty: any public host. Private ones stay the operator's (ABETWORKS_EGRESS_ALLOW). */
  egressHosts: z
    .array(zHost(`(\\*\\.)?${HOST}${PORT}`, 'must be a host such as example.com, *.example.com or example.com:8443'))
    .max(200),
  /** What models may cost one run, in nano-USD. */
  runCostCapNanos: zNanos(),
  /** Requests of one member under way at once. */
  activeRunsPerMember: z.int().min(1).max(1000),
  /** Days that things are kept after they ended; null: for ever. */
  retention: z.strictObject({
    runsDays: z.int().min(1).max(3650).nullable(),
    eventsDays: z.int().min(7).max(3650).nullable(),
  }),
  slack: z.strictObject({
    /** An unknown person is taken for the member with the same e-mail address; off: they link their account themselves. */
    matchEmail: z.boolean(),
    /** Channels where people may ask, by id; empty: all that the bot is in. Direct messages are always open. */
    channels: z.array(z.string().regex(/^[CG][A-Z0-9]{4,20}$/, 'must be a channel id such as C0123ABCD')).max(200),
    /** Whoever may decide gets the card as a direct message too. */
    tellApprovers: z.boolean(),
  }),
});

const policy = policyFields();
const settings = settingsFields();

/** What an org lets happen by itself and who decides the rest. Stored with a version that is part of every approved payload (RULES A1). */
export const zPolicy = z.object({
  version: z.int().min(1).default(1),
  write: policy.write.default('approve'),
  destructive: policy.destructive.default('approve'),
  approverRoles: z.array(zRole).default(['owner', 'admin']),
  approverMembers: policy.approverMembers.default([]),
  approvalExpiresAfterMs: policy.approvalExpiresAfterMs.default(DAY_MS),
  useWithinMs: policy.useWithinMs.default(DAY_MS),
  dailyCostCapNanos: policy.dailyCostCapNanos.default(20_000_000_000),
  linkHosts: policy.linkHosts.default([]),
});
export type Policy = z.infer<typeof zPolicy>;

export const defaultPolicy = (): Policy => zPolicy.parse({});

/** What an org sets beside its policy. Every field has a default, so that an empty object is valid. */
export const zOrgSettings = z.object({
  egressHosts: settings.egressHosts.default([]),
  runCostCapNanos: settings.runCostCapNanos.default(5_000_000_000),
  activeRunsPerMember: settings.activeRunsPerMember.default(20),
  retention: settings.retention.default({ runsDays: null, eventsDays: 90 }),
  slack: settings.slack.default({ matchEmail: false, channels: [], tellApprovers: true }),
});
export type OrgSettings = z.infer<typeof zOrgSettings>;
export type OrgSettingsInput = z.input<typeof zOrgSettings>;

/** `host:port` → its parts; a v6 address keeps its brackets. Without a port it is that of https. */
function partsOf(place: string): { host: string; port: number } {
  const [, host = place, port = '443'] = /^(.+):(\d{1,5})$/.exec(place) ?? [];
  return { host, port: Number(port) };
}

/**
 * Whether an org's list of hosts lets its connections reach `place` (`host:port`, lower case). An empty list lets them reach every public one.
 * `*.example.com` means any name below example.com, not itself; an entry without a port means 80 and 443.
 */
export function isListed(hosts: readonly string[], place: string): boolean {
  const { host, port } = partsOf(place);
  return (
    hosts.length === 0 ||
    hosts.some((entry) => {
      const [name = '', only] = entry.split(':');
      const isName = name.startsWith('*.') ? host.endsWith(name.slice(1)) : host === name;
      return isName && (only === undefined ? port === 80 || port === 443 : port === Number(only));
    })
  );
}
